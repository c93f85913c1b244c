//! A running node.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    thread::{self, JoinHandle},
};

use crate::{
    Chain, Fault, Options,
    faults::Hook,
    http::server::{self, Shared},
};

/// A node with an HTTP interface, in threads of this process. It stops when it is dropped.
#[derive(Debug)]
pub struct TronNode {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl TronNode {
    /// Starts a node on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If there is none.
    pub fn start(options: Options) -> Self {
        let chain = Chain::new(&options);
        Self::serve(Arc::new(Mutex::new(chain)), options.api_key)
    }

    /// Starts another node that sees the same blocks and the same pool, and has faults of its own.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::serve(Arc::clone(&self.shared.chain), self.shared.api_key.clone())
    }

    fn serve(chain: Arc<Mutex<Chain>>, api_key: Option<String>) -> Self {
        let shared = Arc::new(Shared::new(chain, api_key));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || server::serve(&listener, &of_thread));
        Self { shared, address, thread: Some(thread) }
    }

    /// Where it is: `http://127.0.0.1:` and the port, with neither path nor slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the chain, or changes it. No request is answered meanwhile.
    pub fn chain<T>(&self, look: impl FnOnce(&mut Chain) -> T) -> T {
        look(&mut Shared::lock(&self.shared.chain))
    }

    /// The next `times` requests to this path (`wallet/broadcasthex`; or `""` for all) have this
    /// fault. Faults of one path come one after the other.
    pub fn fault(&self, path: &str, times: usize, fault: Fault) {
        Shared::lock(&self.shared.faults).queue(path, times, fault);
    }

    /// The next `times` requests to this path are carried out, and not answered.
    pub fn lose(&self, path: &str, times: usize) {
        self.fault(path, times, Fault::LostAfter);
    }

    /// While it is down, nothing is done and nothing is answered: connections are closed.
    pub fn down(&self, down: bool) {
        Shared::lock(&self.shared.faults).down = down;
        if down {
            self.shared.hang_up();
        }
    }

    /// Does something to the chain right before the next request to this path is carried out.
    /// What is queued for one path is done one after the other, once for each request.
    pub fn before(&self, path: &str, hook: impl FnOnce(&mut Chain) + Send + 'static) {
        Shared::lock(&self.shared.faults).hook(path, Hook(Box::new(hook)));
    }

    /// How often this path was asked, with or without an answer.
    pub fn asked(&self, path: &str) -> usize {
        Shared::lock(&self.shared.faults).asked(path)
    }

    /// Nothing is wrong any more, and nothing is queued.
    pub fn heal(&self) {
        Shared::lock(&self.shared.faults).clear();
    }

    /// Writes everything that was ever handed over to a file, a JSON a line: `raw_hex`,
    /// `raw_data_hex`, `txid`, `signature`, `code`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_received(&self, path: &Path) -> std::io::Result<()> {
        let lines = self
            .chain(|chain| chain.received().iter().map(|it| it.line() + "\n").collect::<String>());
        fs::File::create(path)?.write_all(lines.as_bytes())
    }
}

impl Drop for TronNode {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.hang_up();
        // Wakes the thread, which then sees that it is to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.hang_up();
    }
}
