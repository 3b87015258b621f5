//! The C library's allocator.

/// Has threads share few heaps: one for two processors, at most eight. By itself the C library makes one for each of the
/// first threads, which costs each of them four calls and some pages; small blocks are cached by thread anyway. Call it
/// before there are threads.
pub fn share() {
    let processors = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize);
    let heaps = processors.div_ceil(2).min(8);
    // SAFETY: sets a number in the allocator; there is one thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, heaps as libc::c_int);
    }
}
