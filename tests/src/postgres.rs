//! `PostgreSQL` servers of the tests' own: real ones, on a free port of loopback, gone when the test is.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// The password of the tests' user, `engine`.
const PASSWORD: &str = "hush hush";

/// Stops the server when whoever started it is gone, however that ended: then its standard input ends.
const WATCH: &str = r#"read -r _; "$1" -D "$2/data" -m immediate -w stop >/dev/null 2>&1; rm -rf "$2""#;

/// A running server.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    user: Option<(u32, u32)>,
    /// Its input ends with this process; then the server is stopped.
    watch: Child,
}

/// An empty database of a server.
#[derive(Clone)]
pub struct Database<'a> {
    server: &'a Postgres,
    name: String,
}

impl Postgres {
    /// Returns the server that the tests of a process share; none where `PostgreSQL` is not installed, which is told.
    ///
    /// # Panics
    ///
    /// Panics where it is not installed and the variable `CI` says that it should be.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start).as_ref();
        if shared.is_none() {
            missing();
        }
        shared
    }

    /// Starts a server that one test has for itself.
    ///
    /// # Panics
    ///
    /// As [`shared`](Self::shared) does.
    pub fn own() -> Option<Self> {
        let own = Self::start();
        if own.is_none() {
            missing();
        }
        own
    }

    fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = TempDir::with_prefix("engine-postgres-").unwrap();
        // The server refuses to run as root: then it runs as the user that its package made.
        let user = (fs::metadata(folder.path()).unwrap().uid() == 0).then(service_user);
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let folder = folder.keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.join("password"), PASSWORD).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let watch = as_user(Command::new("sh"), user)
            .args(["-c", WATCH, "watch"])
            .arg(programs.join("pg_ctl"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let server = Self { programs, folder, port, user, watch };
        let make = [
            "-U",
            "engine",
            "-E",
            "UTF8",
            "--locale=C",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
        ];
        server.run("initdb", |command| {
            command.args(make).arg("--pwfile").arg(server.folder.join("password")).arg("-D").arg(server.data());
        });
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nmax_connections = 200\n",
            server.folder.display()
        );
        server.set(&settings);
        server.go();
        Some(server)
    }

    /// Adds settings, which hold when the server is started anew.
    pub fn set(&self, settings: &str) {
        let path = self.data().join("postgresql.auto.conf");
        let known = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, known + settings).unwrap();
    }

    /// Puts a file, which its user alone may read, beside the data.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group)).unwrap();
        }
    }

    /// Starts the server that was stopped.
    pub fn go(&self) {
        self.run("pg_ctl", |command| {
            command.arg("-D").arg(self.data()).arg("-l").arg(self.folder.join("log")).args(["-w", "start"]);
        });
    }

    /// Stops the server as if it died: connections break off where they are.
    pub fn kill(&self) {
        self.run("pg_ctl", |command| {
            command.arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]);
        });
    }

    /// Makes an empty database.
    pub fn database(&self) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let it = Database { server: self, name: "postgres".to_owned() };
        it.query(&format!("CREATE DATABASE {name}"));
        Database { name, ..it }
    }

    /// Returns where the command line of its own is, `psql`.
    pub fn psql(&self) -> PathBuf {
        self.programs.join("psql")
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns what the server has written to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) {
        let mut command = as_user(Command::new(self.programs.join(program)), self.user);
        arguments(&mut command);
        let told = self.folder.join("told");
        let output = || Stdio::from(fs::File::create(&told).unwrap());
        // A server inherits what its starter writes to, so nobody waits for the end of that.
        let status = command.stdin(Stdio::null()).stdout(output()).stderr(output()).status().unwrap();
        assert!(status.success(), "{program}: {}\n{}", fs::read_to_string(&told).unwrap_or_default(), self.log());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // It ends when the server has, and what it kept is removed.
        _ = self.watch.wait();
    }
}

impl Database<'_> {
    /// Returns its URL, over loopback and with a password.
    pub fn url(&self) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://engine:{password}@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// Returns its URL by the socket of the server.
    pub fn local_url(&self) -> String {
        format!("postgres:///{}?host={}&port={}&user=engine", self.name, self.server.folder.display(), self.server.port)
    }

    /// Runs statements and returns the rows, a line each, blanks between the values.
    pub fn query(&self, sql: &str) -> String {
        self.psql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs statements with `psql`; an error is what it says.
    ///
    /// # Errors
    ///
    /// Fails where one of the statements does.
    pub fn psql(&self, sql: &str) -> Result<String, String> {
        let output = Command::new(self.server.psql())
            .args(["-XAtq", "-F", " ", "-P", "null=null", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.local_url()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

/// Says that a test is not run; it is written past the harness, which would keep it to itself.
fn missing() {
    let is_required = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    assert!(!is_required, "PostgreSQL is not installed: `apt-get install postgresql`");
    let text = "skipped a test: PostgreSQL is not installed (`apt-get install postgresql`)\n";
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

/// Finds the folder of the server's programs: packages keep them where shells do not look.
fn programs() -> Option<PathBuf> {
    let numbered = |folder: &str| {
        let mut found: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
        found.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        found.into_iter().rev().map(|path| path.join("bin"))
    };
    let fixed = ["/usr/pgsql/bin", "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let mut all = numbered("/usr/lib/postgresql").chain(fixed);
    all.find(|folder: &PathBuf| ["initdb", "pg_ctl", "postgres", "psql"].iter().all(|name| folder.join(name).exists()))
}

/// Returns the user that a server runs as where root runs the tests.
fn service_user() -> (u32, u32) {
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let id = |name: &str| {
        let fields: Vec<&str> =
            users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?.collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    id("postgres").or_else(|| id("nobody")).unwrap_or((65534, 65534))
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}
