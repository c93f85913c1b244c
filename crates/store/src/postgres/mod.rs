//! [`Store`] over a database of PostgreSQL, or of another that speaks its protocol.

mod loan;
mod migrate;
mod session;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
};
use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch},
    event::EventKind,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    lease::Lease,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{
        AcceptNeeds, Balance, BatchView, ChangeSet, CommitError, Commitment, Decide, DeliveryView,
        DueDelivery, DuePlace, LaneView, PageQuery, PayoutKey, PayoutView, Store, Unreachable,
    },
};
use rustls::ClientConfig;
use tokio::time::timeout;
use tokio_postgres::{
    Config, Error, IsolationLevel,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    error::{Fault, StoreError},
    migrations::Unfit,
    queries::{read, report, store::store, write, written::Written},
};
use loan::Loan;
pub(crate) use session::Asked;
use writer::Writer;

/// How many connections a process asks with at most.
const ASKING_MAX: usize = 12;
/// How many it writes with at most, beside them: whoever asks much keeps nobody from writing. That is
/// one for each slice that is accepted at the same time, and one for all other commits.
const WRITING_MAX: usize = 3;
/// How long a connection may take to be made, or to become free.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long one operation of the store may take in all.
const OPERATION_MAX: Duration = Duration::from_mins(1);

/// A commit is on the disk when it is answered. Whoever stops in the middle of a transaction (a
/// process that is frozen, or that nobody can reach) holds up the others no longer than this.
const SETTINGS: &str = "
    SET synchronous_commit = on;
    SET statement_timeout = '30s';
    SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '5s';
    SET default_transaction_isolation = 'read committed';
    SET client_min_messages = warning;
";

/// Where a server is reached, unless an address says otherwise.
const PORT: u16 = 5432;

/// How TLS begins to tell why it does not believe a server.
const NOT_TRUSTED: &str = "invalid peer certificate";

/// Durable state in a database of PostgreSQL. Several processes may use it at once.
pub struct Postgres {
    asking: Pool,
    writing: Pool,
    name: String,
    writer: Writer,
    written: Written,
}

impl Postgres {
    /// Gets ready to use the database of a URL (`postgres://user:password@host:port/name`), without
    /// connecting to it yet. Use [`Self::migrate`] or [`Self::check_schema`] before anything else.
    ///
    /// A connection over a network is encrypted, and certificates are checked against `tls`, unless the
    /// URL says `sslmode=disable`. Of several servers, one that can be written to is taken.
    ///
    /// # Errors
    /// If the URL makes no sense.
    ///
    /// # Panics
    /// If there is no runtime of tokio around it.
    pub fn open(url: &str, tls: ClientConfig) -> Result<Self, StoreError> {
        let mut config = config(url).map_err(|error| StoreError::Url { error })?;
        let name = name(&config);
        if config.get_application_name().is_none() {
            config.application_name("vyplata");
        }
        config.connect_timeout(CONNECT_MAX);
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_secs(20));
        let tls = MakeRustlsConnect::new(tls);
        let (asking, writing) = (pool(&config, &tls, ASKING_MAX), pool(&config, &tls, WRITING_MAX));
        let writer = Writer::start(writing.clone());
        Ok(Self { asking, writing, name, writer, written: Written::default() })
    }

    /// Opens a database and migrates it.
    ///
    /// # Errors
    /// Says which database it is about and what to do.
    pub async fn open_and_migrate(url: &str, tls: ClientConfig) -> Result<Self, StoreError> {
        let store = Self::open(url, tls)?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a database as it is, and makes its tables if it has none: to bring an older one up to date,
    /// whoever serves from it has to agree.
    ///
    /// # Errors
    /// Says which database it is about and what to do; also if it needs migrating.
    pub async fn open_or_make(url: &str, tls: ClientConfig) -> Result<Self, StoreError> {
        let store = Self::open(url, tls)?;
        match store.check_schema().await {
            Err(StoreError::Unfit { why: Unfit::Outdated { applied: 0, .. }, .. }) => {
                store.migrate().await.map(|_| store)
            }
            checked => checked.map(|()| store),
        }
    }

    /// What the database is called in messages: host, port if it is not the usual one, and name, without
    /// the password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the database of a URL is called in messages.
    ///
    /// # Errors
    /// If the URL makes no sense.
    pub fn name_of(url: &str) -> Result<String, StoreError> {
        let config = config(url).map_err(|error| StoreError::Url { error })?;
        Ok(name(&config))
    }

    pub(crate) async fn connect(&self, doing: &'static str) -> Result<Client, StoreError> {
        self.asking.get().await.map_err(|error| {
            let (database, error) = (self.name.clone(), Fault::from(error).to_string());
            if error.contains(NOT_TRUSTED) {
                return StoreError::NotTrusted { database, error };
            }
            StoreError::Postgres { database, doing, error }
        })
    }

    fn failed(&self, doing: &'static str, error: Error) -> StoreError {
        let error = Fault::from(error).to_string();
        StoreError::Postgres { database: self.name.clone(), doing, error }
    }

    /// Loads, decides and writes in one transaction. Nobody else moves the balances meanwhile, and
    /// whoever else writes one of the records is noticed.
    async fn write_accept(
        &self,
        needs: &AcceptNeeds,
        decide: &mut Decide<'_>,
    ) -> Result<(), CommitError> {
        let attempt = async {
            let mut loan = Loan::of(&self.writing).await?;
            let done = accept(loan.client(), needs, decide).await;
            loan.end();
            done
        };
        Box::pin(in_time(attempt)).await.map_err(|fault| fault.refusal())
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.check_schema().await
    }

    async fn write_commit(&self, change: ChangeSet) -> Result<(), CommitError> {
        self.writer.commit(change).await
    }

    /// The server waits, and for all that use it together.
    #[expect(clippy::unused_self, reason = "another store counts")]
    fn waits(&self) -> Option<u64> {
        None
    }
}

/// Up to so many connections, made when they are needed.
fn pool(config: &Config, tls: &MakeRustlsConnect, connections_max: usize) -> Pool {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
    let settle = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(connections_max)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT_MAX))
        .create_timeout(Some(CONNECT_MAX))
        .recycle_timeout(Some(CONNECT_MAX))
        .post_create(settle)
        .build()
        .expect("a runtime is named")
}

async fn accept(
    client: &mut Client,
    needs: &AcceptNeeds,
    decide: &mut Decide<'_>,
) -> Result<(), Fault> {
    let transaction = client.transaction().await?;
    let session = Asked(&transaction);
    let view = Box::pin(read::accept_view(&session, needs)).await?;
    let change = decide(view);
    write::change_set(&session, &change).await?;
    Ok(transaction.commit().await?)
}

/// Waits no longer than an operation may take.
async fn in_time<T>(operation: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(OPERATION_MAX, operation).await.unwrap_or(Err(Fault::Silent))
}

/// What a URL says, or what is wrong with it, without its password.
fn config(url: &str) -> Result<Config, String> {
    let schemes = ["postgres://", "postgresql://"];
    let rest = schemes.iter().find_map(|it| url.strip_prefix(it));
    let rest = rest.ok_or("it does not begin with postgres://")?;
    // What follows the first one would be taken for a host, and hosts are shown.
    if rest.matches('@').count() > 1 {
        return Err("there is more than one `@`; write %40 for those in a password".to_owned());
    }
    let mut config: Config = url.parse().map_err(|error: Error| {
        // It says which part it cannot read.
        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
    })?;
    // A standby may not know yet what was acknowledged.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_ssl_mode() == SslMode::Prefer && goes_over_a_network(&config) {
        // Whoever stands in between could say that the server does not encrypt.
        config.ssl_mode(SslMode::Require);
    }
    Ok(config)
}

fn goes_over_a_network(config: &Config) -> bool {
    let is_near =
        |name: &str| name == "localhost" || name.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    let named = config.get_hosts().iter().any(|it| match it {
        Host::Tcp(name) => !is_near(name),
        Host::Unix(_) => false,
    });
    named || config.get_hostaddrs().iter().any(|it| !it.is_loopback())
}

fn name(config: &Config) -> String {
    let ports = config.get_ports();
    // One stands for all of them.
    let port = |place| ports.get(place).or(ports.first()).filter(|it| **it != PORT);
    let hosts = config.get_hosts().iter().enumerate().map(|(place, it)| {
        let host = match it {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        port(place).map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    });
    let hosts: Vec<String> = hosts.collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().unwrap_or("postgres"))
}

/// Asks as of one moment.
macro_rules! asking {
    ($store:ident, $session:ident => $work:expr) => {{
        let attempt = async {
            let mut loan = Loan::of(&$store.asking).await?;
            let client = loan.client();
            let answer = async {
                let moment = client.build_transaction().read_only(true);
                let moment = moment.isolation_level(IsolationLevel::RepeatableRead);
                // Ends without a trace when it is dropped: there is nothing to commit.
                let transaction = moment.start().await?;
                let $session = &Asked(&transaction);
                $work.await
            };
            let answer = answer.await;
            loan.end();
            answer
        };
        in_time(attempt).await.map_err(|fault: Fault| fault.unreachable())
    }};
}

store!(Postgres, asking);

#[cfg(test)]
mod tests;
