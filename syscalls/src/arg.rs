//! How registers become typed arguments: the signature of a handler is its decoder.

use kernel::CurrentTask;
use mm::{UserAddr, UserPtr, UserStr};
use sync::Fail;

/// A descriptor argument: the low 32 bits of the register, as Linux takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

/// A type that an argument register converts to; never fails (checks are the handler's, in Linux's order).
pub trait FromArg {
    /// From the register.
    fn from_arg(register: u64) -> Self;
}

macro_rules! from_arg {
    ($($type:ty => |$register:ident| $value:expr;)*) => {
        $(impl FromArg for $type {
            fn from_arg($register: u64) -> Self { $value }
        })*
    };
}

from_arg! {
    u64 => |r| r;
    i64 => |r| r as i64;
    u32 => |r| r as u32;
    i32 => |r| r as i32;
    usize => |r| r as usize;
    Fd => |r| Self(r as i32);
    UserAddr => |r| Self(r);
    UserStr => |r| Self(UserAddr(r));
    abi::mm::Prot => |r| Self::from_bits_retain(r as u32);
    abi::mm::MapFlags => |r| Self::from_bits_retain(r as u32);
    abi::fs::OpenFlags => |r| Self::from_bits_retain(r as u32);
}

impl<T> FromArg for UserPtr<T> {
    fn from_arg(register: u64) -> Self {
        Self::new(UserAddr(register))
    }
}

/// A type that becomes the result register.
pub trait IntoReturn {
    /// To the register.
    fn into_return(self) -> u64;
}

macro_rules! into_return {
    ($($type:ty => |$value:ident| $register:expr;)*) => {
        $(impl IntoReturn for $type {
            fn into_return(self) -> u64 { let $value = self; $register }
        })*
    };
}

into_return! {
    () => |_v| 0;
    u64 => |v| v;
    usize => |v| v as u64;
    u32 => |v| u64::from(v);
    i32 => |v| i64::from(v) as u64;
    i64 => |v| v as u64;
    Fd => |v| v.0 as u64;
    UserAddr => |v| v.0;
}

/// Result of a handler: `Result<_, Errno>` or `Result<_, Fail>`.
pub trait IntoResult {
    /// To the common form.
    fn into_result(self) -> Result<u64, Fail>;
}

impl<T: IntoReturn, E: Into<Fail>> IntoResult for Result<T, E> {
    fn into_result(self) -> Result<u64, Fail> {
        self.map(IntoReturn::into_return).map_err(Into::into)
    }
}

/// A function that answers a system call: `fn(&mut CurrentTask, A, B, ...) -> Result<R, Errno | Fail>`.
pub trait Handler<Args> {
    /// Decodes the registers and calls it.
    fn call(&self, task: &mut CurrentTask, args: &[u64; 6]) -> Result<u64, Fail>;
}

macro_rules! handler {
    ($($arg:ident $index:tt),*) => {
        impl<Func, Ret: IntoResult, $($arg: FromArg),*> Handler<($($arg,)*)> for Func
        where
            Func: Fn(&mut CurrentTask, $($arg),*) -> Ret,
        {
            fn call(&self, task: &mut CurrentTask, args: &[u64; 6]) -> Result<u64, Fail> {
                let _ = args;
                self(task, $($arg::from_arg(args[$index])),*).into_result()
            }
        }
    };
}

handler!();
handler!(A 0);
handler!(A 0, B 1);
handler!(A 0, B 1, C 2);
handler!(A 0, B 1, C 2, D 3);
handler!(A 0, B 1, C 2, D 3, E 4);
handler!(A 0, B 1, C 2, D 3, E 4, F 5);
