//! Memory of this very process.

use std::ptr;

/// Has threads share few heaps: one for two processors, at most eight. By itself the C library makes one for each of the
/// first threads, which costs each of them four calls and some pages; small blocks are cached by thread anyway. Call it
/// before there are threads.
pub fn share_heaps() {
    let processors = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize);
    let heaps = processors.div_ceil(2).min(8);
    // SAFETY: sets a number in the allocator; there is one thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, heaps as libc::c_int);
    }
}

/// Unmaps the pages of the program's code, for a process that is going to wait: those that it needs come back from the
/// host's page cache, one fault for several.
pub fn let_go_of_code() {
    unsafe extern "C" {
        // Of the linker: where the program's image starts, and where its code ends.
        static __executable_start: u8;
        static etext: u8;
    }
    let page = rustix::param::page_size();
    let start = ptr::addr_of!(__executable_start).addr().next_multiple_of(page);
    let end = ptr::addr_of!(etext).addr() / page * page;
    if let Some(len) = end.checked_sub(start) {
        // SAFETY: pages of a private mapping of the program's file that nobody has written to are the same when they
        // are mapped again; data that is written lies behind the code. What cannot be let go of stays.
        unsafe {
            libc::madvise(start as *mut libc::c_void, len, libc::MADV_DONTNEED);
        }
    }
}
