//! Threads whose work may wait.

/// The niceness of a thread that makes way: a thirtieth of an ordinary one's share of a core that
/// both want, and all of a core that nobody wants.
const NICENESS: i32 = 15;

/// Lets this thread, and those that it starts, make way for all others.
///
/// # Errors
/// The system refuses; nothing has changed.
pub fn make_way() -> std::io::Result<()> {
    // On Linux a "process" here is a thread; without a number, the calling one.
    Ok(rustix::process::setpriority_process(None, NICENESS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_and_its_own_threads_make_way() {
        let niceness = || rustix::process::getpriority_process(None).expect("a priority");
        let before = niceness();
        let (own, of_child) = std::thread::spawn(move || {
            make_way().expect("allowed to everybody");
            let child = std::thread::spawn(niceness);
            (niceness(), child.join().expect("a thread"))
        })
        .join()
        .expect("a thread");
        assert!(own >= NICENESS && of_child == own);
        assert_eq!(niceness(), before);
    }
}
