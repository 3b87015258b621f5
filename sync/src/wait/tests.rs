use super::*;
use std::time::Duration;

#[test]
fn wake_before_sleep_is_kept() {
    let word = Arc::new(WaitWord::new());
    word.arm();
    word.wake();
    assert_eq!(word.sleep(None), Woken::Event);
    assert_eq!(word.sleep(Deadline::after(Duration::from_millis(1))), Woken::TimedOut);
}

#[test]
fn interrupt_is_sticky_and_bars_the_app() {
    let word = Arc::new(WaitWord::new());
    assert!(word.enter_app());
    assert!(word.interrupt());
    word.leave_app();
    assert!(!word.enter_app());
    assert_eq!(word.sleep(None), Woken::Interrupted);
    word.clear_interrupt();
    assert!(word.enter_app());
}

#[test]
fn only_the_first_to_wake_a_sleeper_rouses_it() {
    let word = Arc::new(WaitWord::new());
    assert_eq!(word.set_woken(), Some(false));
    assert_eq!(word.set_woken(), None);
    word.arm();
    word.word.fetch_or(SLEEPING, SeqCst);
    assert_eq!(word.set_woken(), Some(true));
    assert_eq!(word.set_woken(), None);
}

#[test]
fn who_was_woken_sleeps_no_more() {
    let word = Arc::new(WaitWord::new());
    assert!(!word.is_sleeping());
    word.word.store(SLEEPING, SeqCst);
    assert!(word.is_sleeping());
    assert!(!word.interrupt());
    assert!(!word.is_sleeping());
    word.word.fetch_or(KILLABLE, SeqCst);
    assert!(word.is_sleeping());
    word.wake();
    assert!(!word.is_sleeping());
    word.word.store(SLEEPING | KILLABLE, SeqCst);
    assert!(!word.kill());
    assert!(!word.is_sleeping());
}

#[test]
fn wake_from_another_thread() {
    let word = Arc::new(WaitWord::new());
    for _ in 0..1000 {
        word.arm();
        let other = Arc::clone(&word);
        let thread = std::thread::spawn(move || other.wake());
        assert_eq!(word.sleep(None), Woken::Event);
        thread.join().expect("the waker ends");
    }
}
