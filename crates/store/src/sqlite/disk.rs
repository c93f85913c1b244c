//! Waiting for the disk beside the connection that commits.
//!
//! A commit goes to the write-ahead log and does not wait; a thread waits for the disk, once for all
//! that was committed meanwhile, and the next are decided while it does. Nobody is told about a
//! commit before the disk has it, and nobody is told what was read before the disk has all that it
//! may have come from: to everybody outside, it is as if each commit had waited. A commit counts from
//! the moment it begins, because it may be seen before whoever made it knows that it has ended.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use crate::error::Fault;

/// Puts all that was written on the disk.
type Sync = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Some commit; all before it are on the disk when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(u64);

/// A commit that is being written, or given up, until this is dropped. There is one at a time.
pub(crate) struct Writing<'a> {
    shared: &'a Shared,
    /// The commit.
    pub(crate) mark: Mark,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.shared.state().written = self.mark.0;
        self.shared.rang.notify_one();
    }
}

/// The thread that waits for the disk.
pub(crate) struct Disk {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Rings when there is something to wait for, or nothing will come any more.
    rang: Condvar,
}

#[derive(Default)]
struct State {
    /// How many commits have begun, the last of which may be seen already, or not yet.
    begun: u64,
    /// How many of them were written, or given up.
    written: u64,
    /// How many of them the disk has.
    kept: u64,
    /// The disk failed. What it has from then on is unknown until the file is opened again, even if
    /// it says later that all is well.
    is_lost: bool,
    is_closed: bool,
    /// How often the disk was waited for.
    waits: u64,
    waiting: Vec<(Mark, oneshot::Sender<()>)>,
}

impl Disk {
    /// Waits for the disk of a database that has a write-ahead log.
    ///
    /// # Errors
    /// If the log cannot be opened, or there is no thread.
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        // The log stands beside the file itself, whatever leads to that.
        let database = fs::canonicalize(database)?;
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let log = File::open(Path::new(&log))?;
        // That there is a log must be on the disk, too; SQLite sees to that when it waits itself.
        if let Some(folder) = database.parent() {
            File::open(folder)?.sync_all()?;
        }
        Self::over(Box::new(move || log.sync_data()))
    }

    pub(crate) fn over(sync: Sync) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let asked = Arc::clone(&shared);
        let thread = thread::Builder::new().name("disk".to_owned());
        let thread = thread.spawn(move || asked.serve(sync))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// One more commit is written from here on, by whoever has the connection that writes.
    ///
    /// # Errors
    /// If the disk failed: a log that is not on it must not grow, and be moved into the database.
    pub(crate) fn begins(&self) -> Result<Writing<'_>, Fault> {
        let mut state = self.shared.state();
        if state.is_lost {
            return Err(Fault::Silent);
        }
        state.begun += 1;
        Ok(Writing { shared: &self.shared, mark: Mark(state.begun) })
    }

    /// How often it was waited for.
    pub(crate) fn waits(&self) -> u64 {
        self.shared.state().waits
    }

    /// All that may have been seen until now.
    pub(crate) fn seen(&self) -> Mark {
        Mark(self.shared.state().begun)
    }

    /// Returns when the disk has a commit and all before it.
    ///
    /// # Errors
    /// If the disk failed: what it has is unknown.
    pub(crate) async fn keeps(&self, mark: Mark) -> Result<(), Fault> {
        match self.shared.ask(mark)? {
            None => Ok(()),
            // Whoever is not told is let go because the disk failed.
            Some(told) => told.await.map_err(|_| Fault::Silent),
        }
    }

    /// The same for a thread that has nothing else to do meanwhile.
    ///
    /// # Errors
    /// If the disk failed: what it has is unknown.
    pub(crate) fn keep(&self, mark: Mark) -> Result<(), Fault> {
        match self.shared.ask(mark)? {
            None => Ok(()),
            Some(told) => told.blocking_recv().map_err(|_| Fault::Silent),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.rang.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does nothing that panics, so there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is told when the disk has a commit; `None` if it has it already.
    fn ask(&self, mark: Mark) -> Result<Option<oneshot::Receiver<()>>, Fault> {
        let mut state = self.state();
        if state.is_lost {
            return Err(Fault::Silent);
        }
        if mark.0 <= state.kept {
            return Ok(None);
        }
        let (tell, told) = oneshot::channel();
        state.waiting.push((mark, tell));
        Ok(Some(told))
    }

    /// Waits for the disk whenever something was written, until nothing more can come.
    fn serve(&self, mut sync: Sync) {
        loop {
            let mut state = self.state();
            while state.written == state.kept && !state.is_closed {
                state = self.rang.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let mark = Mark(state.written);
            if mark.0 == state.kept {
                return;
            }
            drop(state);
            let synced = sync();
            let mut state = self.state();
            if let Err(error) = synced {
                state.is_lost = true;
                let waiting = std::mem::take(&mut state.waiting);
                drop(state);
                tracing::error!(
                    "the disk failed: {error}; nothing is answered any more, because what it has is \
                     not known. Look at the disk, and start again"
                );
                drop(waiting);
                return;
            }
            state.kept = mark.0;
            state.waits += 1;
            let told: Vec<_> = state.waiting.extract_if(.., |it| it.0 <= mark).collect();
            drop(state);
            for (_, tell) in told {
                // Whoever asked may be gone.
                let _ = tell.send(());
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt as _;
    use sim::conformance::ready;

    use super::*;

    /// A disk that has everything when it is told so, by each answer that is sent.
    pub(crate) fn slow() -> (Disk, mpsc::Sender<io::Result<()>>, mpsc::Receiver<()>) {
        let (answer, answers) = mpsc::channel();
        let (ask, asked) = mpsc::channel();
        let sync = move || {
            let _ = ask.send(());
            answers.recv().unwrap_or(Ok(()))
        };
        (Disk::over(Box::new(sync)).unwrap(), answer, asked)
    }

    fn wrote(disk: &Disk) -> Mark {
        disk.begins().unwrap().mark
    }

    #[test]
    fn what_is_being_written_is_waited_for_by_whoever_may_have_seen_it() {
        let (disk, answer, asked) = slow();
        let before = wrote(&disk);
        asked.recv().unwrap();
        let writing = disk.begins().unwrap();
        let seen = disk.seen();
        assert_eq!((before < seen, seen), (true, writing.mark));
        answer.send(Ok(())).unwrap();
        disk.keep(before).unwrap();
        assert!(asked.try_recv().is_err(), "a wait that does not have the end of a commit is none");
        let mut told = Box::pin(disk.keeps(seen));
        assert!((&mut told).now_or_never().is_none());
        drop(writing);
        asked.recv().unwrap();
        answer.send(Ok(())).unwrap();
        ready(told).unwrap();
    }

    #[test]
    fn one_wait_is_enough_for_all_that_was_written_before_it_began() {
        let (disk, answer, asked) = slow();
        let first = wrote(&disk);
        asked.recv().unwrap();
        let (second, third) = (wrote(&disk), wrote(&disk));
        assert_eq!(disk.seen(), third);
        let mut waits = [first, second, third].map(|it| Box::pin(disk.keeps(it)));
        assert!(waits.iter_mut().all(|it| it.now_or_never().is_none()));
        answer.send(Ok(())).unwrap();
        asked.recv().unwrap();
        disk.keep(first).unwrap();
        assert!(disk.keeps(second).now_or_never().is_none());
        answer.send(Ok(())).unwrap();
        for wait in waits {
            ready(wait).unwrap();
        }
        assert!(asked.try_recv().is_err(), "the third had no wait of its own");
        assert_eq!(disk.waits(), 2);
    }

    #[test]
    fn a_disk_that_failed_is_never_believed_again() {
        let (disk, answer, asked) = slow();
        let before = wrote(&disk);
        asked.recv().unwrap();
        let wait = disk.keeps(before);
        answer.send(Err(io::Error::other("no"))).unwrap();
        assert!(matches!(ready(wait), Err(Fault::Silent)));
        assert!(matches!(disk.begins(), Err(Fault::Silent)));
        assert!(matches!(disk.keep(before), Err(Fault::Silent)));
    }

    #[test]
    fn what_was_written_last_is_kept_before_the_end() {
        let (disk, answer, asked) = slow();
        wrote(&disk);
        asked.recv().unwrap();
        wrote(&disk);
        let end = thread::spawn(move || drop(disk));
        answer.send(Ok(())).unwrap();
        asked.recv().unwrap();
        answer.send(Ok(())).unwrap();
        end.join().unwrap();
    }
}
