//! Values of /proc/sys that were written.

use kernel::Kernel;
use std::collections::BTreeMap;
use std::sync::Arc;
use sync::{Mutex, Rank};

/// Values of /proc/sys that differ from their defaults; a part of the [`Kernel`].
pub struct Settings {
    values: Mutex<BTreeMap<&'static str, Vec<u8>>>,
    /// /proc/sys/kernel/random/boot_id.
    boot_id: String,
}

impl Settings {
    /// Those of a machine.
    pub fn of(kernel: &Arc<Kernel>) -> Arc<Self> {
        if let Some(settings) = kernel.part::<Self>() {
            return settings;
        }
        let settings = Arc::new(Self { values: Mutex::new(Rank::Leaf, BTreeMap::new()), boot_id: random_uuid() });
        kernel.set_part(settings.clone());
        settings
    }

    /// The value that was written to the file with the path below /proc/sys, if any.
    pub fn value(&self, path: &str) -> Option<Vec<u8>> {
        self.values.lock().get(path).cloned()
    }

    pub(super) fn set(&self, path: &'static str, value: Vec<u8>) {
        self.values.lock().insert(path, value);
    }

    pub(super) fn boot_id(&self) -> &str {
        &self.boot_id
    }
}

/// A random UUID of version 4.
pub(super) fn random_uuid() -> String {
    let mut bytes = [0; 16];
    // Without a generator the host would not have come up: zeros then.
    let _ = crate::dev::fill_random(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 0xf), 16).unwrap_or('0'));
    }
    text
}
