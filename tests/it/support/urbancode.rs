//! A cluster of UrbanCode Deploy doubles: `sh` and `perl` that imitate servers, installer and service script on this
//! machine, one database and one load balancer for all of them.
//!
//! ```text
//! first/ucd/            the pretend server_install: bin/server, conf/installed.version, var/server.pid, ...
//! first/package/        the extracted package: install-server.sh, install.log (after [`Servers::extract`])
//! first/counts/CMD      one line per call of that command, with its arguments
//! first/behave/NAME     a file that makes it misbehave: see the heads of server.sh, installer.sh and web.pl
//! shared/story          who did what, in order: `first stop`, `first install`, `first start`
//! ```
//!
//! Dropping the cluster ends every process that the doubles wrote down, by its pid.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use toml::{Table, Value};

use super::procedure_file::ProcedureFile;
use super::site::Site;
use super::{tool, tools};

/// What the package brings.
pub const TARGET: &str = "7.1.0.0";
const OLD_BUILD: &str = "7.0.2.1.1040245";
const TARGET_BUILD: &str = "7.1.0.0.1069281";

/// Pretend servers that share a database; the first one leads the upgrade.
pub struct Servers {
    folder: tempfile::TempDir,
    pub nodes: Vec<Server>,
    pub balancer: Balancer,
}

/// One pretend server.
pub struct Server {
    pub name: String,
    pub dir: PathBuf,
    /// Ports on 127.0.0.1: of its web UI and of its agents.
    pub web: u16,
    pub agents: u16,
    /// Where it reaches the database.
    pub database: u16,
    archive: PathBuf,
    shared: PathBuf,
}

/// The load balancer: answers while a server of its pool answers.
pub struct Balancer {
    pub url: String,
    pool: Arc<AtomicBool>,
    page: Arc<AtomicBool>,
}

impl Servers {
    /// Lays out `count` stopped servers `first`, `second`, ... on the old version; `None` (with a printed reason) without
    /// the tools that the doubles are made of.
    pub fn new(count: usize) -> Option<Servers> {
        tool("perl")?;
        tool("curl")?;
        let folder = tempfile::tempdir().expect("a folder for the doubles");
        let shared = folder.path().join("shared");
        let archive = folder.path().join("ucd-7.1.0.0.tar");
        pack(folder.path(), &archive);
        let names = ["first", "second", "third", "fourth"];
        let nodes: Vec<Server> = names[..count]
            .iter()
            .map(|name| Server::lay_out(folder.path(), &shared, &archive, name))
            .collect();
        let balancer = Balancer::start(nodes.iter().map(|node| node.web).collect());
        Some(Servers {
            folder,
            nodes,
            balancer,
        })
    }

    /// The same, with everything running and the package extracted.
    pub fn running(count: usize) -> Option<Servers> {
        let servers = Servers::new(count)?;
        for node in &servers.nodes {
            node.extract();
            assert!(
                node.command("start").success(),
                "{} did not start",
                node.name
            );
            node.forget_counts();
        }
        fs::remove_file(servers.shared().join("story")).expect("a story");
        Some(servers)
    }

    pub fn shared(&self) -> PathBuf {
        self.folder.path().join("shared")
    }

    /// Where all servers keep the application data.
    pub fn appdata(&self) -> PathBuf {
        self.shared().join("appdata")
    }

    /// What the REST interface shows as running: a JSON list.
    pub fn set_activity(&self, list: &str) {
        fs::write(self.shared().join("activity"), list).expect("activity");
    }

    /// The version of the database's schema.
    pub fn database(&self) -> String {
        let text = fs::read_to_string(self.shared().join("database")).expect("the database");
        text.trim().to_string()
    }

    /// The database administrator restores the backup.
    pub fn restore_database(&self) {
        fs::write(self.shared().join("database"), OLD_BUILD).expect("the database");
    }

    /// Who did what, in order.
    pub fn story(&self) -> Vec<String> {
        let text = fs::read_to_string(self.shared().join("story")).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for node in &self.nodes {
            // Nothing useful can be done about a failure here; the doubles end by themselves after half an hour.
            let _ended = Command::new("sh")
                .arg(doubles().join("end-all.sh"))
                .arg(&node.dir)
                .status();
        }
    }
}

impl Server {
    fn lay_out(folder: &Path, shared: &Path, archive: &Path, name: &str) -> Server {
        let free = tools::own_port;
        let (web, agents) = (free(), free());
        let port = |listener: &TcpListener| listener.local_addr().expect("a bound port").port();
        let server = Server {
            name: name.into(),
            dir: folder.join(name),
            web: port(&web),
            agents: port(&agents),
            database: database_port(),
            archive: archive.to_path_buf(),
            shared: shared.to_path_buf(),
        };
        drop((web, agents));
        let made = Command::new("sh")
            .arg(doubles().join("make-node.sh"))
            .arg(&server.dir)
            .args([name, OLD_BUILD])
            .args([server.web, server.agents, server.database].map(|port| port.to_string()))
            .arg(shared)
            .status()
            .expect("sh exists");
        assert!(made.success(), "make-node.sh ended with {made}");
        server
    }

    /// The pretend server_install.
    pub fn home(&self) -> PathBuf {
        self.dir.join("ucd")
    }

    pub fn package(&self) -> PathBuf {
        self.dir.join("package")
    }

    /// Extracts the package by hand.
    pub fn extract(&self) {
        let done = Command::new("sh")
            .arg(doubles().join("make-package.sh"))
            .arg(self.package())
            .arg(TARGET_BUILD)
            .status();
        assert!(done.expect("sh exists").success());
    }

    /// What a cluster file says about this server, as parameter and value.
    pub fn params(&self) -> Vec<(&'static str, String)> {
        let path = |path: PathBuf| path.display().to_string();
        vec![
            ("install_dir", path(self.home())),
            ("package_dir", path(self.package())),
            ("package_archive", path(self.archive.clone())),
            ("backup_dir", path(self.dir.join("backup"))),
            ("appdata_dir", path(self.shared.join("appdata"))),
            ("web_port", self.web.to_string()),
            ("db_port", self.database.to_string()),
            ("ports", format!("{} {}", self.web, self.agents)),
            ("curl_config", path(self.dir.join("curl"))),
        ]
    }

    /// The search path of a session on this server.
    pub fn path(&self) -> String {
        let before = std::env::var("PATH").expect("a search path");
        format!("{}:{before}", self.dir.join("double/bin").display())
    }

    /// Makes it misbehave from now on; `content` is what the behaviour takes, such as a number of seconds.
    pub fn behave(&self, name: &str, content: &str) {
        fs::write(self.dir.join("behave").join(name), content).expect("behaviour");
    }

    /// Makes it behave again.
    pub fn behave_well(&self, name: &str) {
        fs::remove_file(self.dir.join("behave").join(name)).expect("behaviour was set");
    }

    /// What a command was called with, one call a line: `server-stop`, `installer`, `answers`, `service`.
    pub fn calls(&self, command: &str) -> String {
        fs::read_to_string(self.dir.join("counts").join(command)).unwrap_or_default()
    }

    pub fn count(&self, command: &str) -> usize {
        self.calls(command).lines().count()
    }

    fn forget_counts(&self) {
        for entry in fs::read_dir(self.dir.join("counts")).expect("counts") {
            fs::remove_file(entry.expect("entry").path()).expect("a count");
        }
    }

    /// Runs the service script, as an administrator would by hand.
    pub fn command(&self, verb: &str) -> ExitStatus {
        Command::new(self.home().join("bin/server"))
            .arg(verb)
            .env("PATH", self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the command exists")
    }

    /// A property of conf/server/installed.properties.
    pub fn set_property(&self, name: &str, value: &str) {
        let file = self.home().join("conf/server/installed.properties");
        let text = fs::read_to_string(&file).expect("properties");
        let others = text
            .lines()
            .filter(|line| !line.starts_with(&format!("{name}=")));
        let kept: Vec<&str> = others.collect();
        let text = format!("{}\n{name}={value}\n", kept.join("\n"));
        fs::write(file, text).expect("properties");
    }

    pub fn installed(&self) -> String {
        let text = fs::read_to_string(self.home().join("conf/installed.version")).expect("version");
        text.trim()
            .trim_start_matches("installed.version=")
            .to_string()
    }
}

impl Balancer {
    fn start(servers: Vec<u16>) -> Balancer {
        let listener = tools::own_port();
        let port = listener.local_addr().expect("a bound port").port();
        let pool = Arc::new(AtomicBool::new(true));
        let page = Arc::new(AtomicBool::new(false));
        let (filled, own) = (Arc::clone(&pool), Arc::clone(&page));
        // It ends with the test program.
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let reached = filled.load(Ordering::SeqCst)
                    && servers
                        .iter()
                        .any(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
                let code = if reached || own.load(Ordering::SeqCst) {
                    200
                } else {
                    503
                };
                let mut request = [0; 2048];
                // A client that went away needs no answer.
                let _read = client.read(&mut request);
                let _sent = write!(client, "HTTP/1.0 {code} Said\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Balancer {
            url: format!("http://127.0.0.1:{port}/"),
            pool,
            page,
        }
    }

    /// All servers are in its pool, or none.
    pub fn fill(&self, servers: bool) {
        self.pool.store(servers, Ordering::SeqCst);
    }

    /// It answers by itself when no server does.
    pub fn show_page(&self, page: bool) {
        self.page.store(page, Ordering::SeqCst);
    }
}

/// A port on which the database answers; each server has its own, so that connections of servers on one machine can be
/// told apart. Connections stay open until the server closes them.
fn database_port() -> u16 {
    let listener = tools::own_port();
    let port = listener.local_addr().expect("a bound port").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // Its end is all that matters.
                let _read = client.read(&mut [0; 64]);
            });
        }
    });
    port
}

fn pack(folder: &Path, archive: &Path) {
    let made = Command::new("sh")
        .arg(doubles().join("make-package.sh"))
        .arg(folder.join("ucd-install"))
        .arg(TARGET_BUILD)
        .status();
    assert!(made.expect("sh exists").success());
    let packed = Command::new("tar")
        .arg("-cf")
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .arg("ucd-install")
        .status();
    assert!(packed.expect("tar exists").success());
}

/// Where the doubles' scripts are.
pub fn doubles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doubles/urbancode-deploy")
}

/// The procedure, with the named pieces of its scripts put together.
pub fn procedure() -> ProcedureFile {
    let text = include_str!("../../../src/catalog/urbancode-deploy/high-availability.toml");
    let mut table: Table = text.parse().expect("valid TOML");
    let pieces = match table.remove("scripts") {
        Some(Value::Table(pieces)) => pieces,
        other => panic!("no [scripts]: {other:?}"),
    };
    for (_, value) in table.iter_mut() {
        put_together(value, &pieces);
    }
    ProcedureFile { table }
}

fn put_together(value: &mut Value, pieces: &Table) {
    match value {
        Value::Table(table) => {
            if let Some(Value::Table(script)) = table.get("script") {
                let names = script["use"].as_array().expect("names of pieces");
                let mut text = String::new();
                for name in names.iter().filter_map(Value::as_str) {
                    text += pieces[name].as_str().expect("a piece");
                }
                text += script
                    .get("text")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                table.insert("script".into(), Value::String(text));
            }
            for (_, inner) in table.iter_mut() {
                put_together(inner, pieces);
            }
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|inner| put_together(inner, pieces)),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

/// The same behind real OpenSSH servers, with the cluster file that an operator would write.
pub struct RealServers {
    pub site: Site,
    pub servers: Servers,
}

impl Deref for RealServers {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl RealServers {
    /// `count` running servers on 127.0.`first_ip`.1 and up; see [`Site::start`]. The package is an archive on each.
    pub fn start(count: usize, first_ip: u8) -> Option<RealServers> {
        let servers = Servers::running(count)?;
        let names: Vec<&str> = servers
            .nodes
            .iter()
            .map(|node| node.name.as_str())
            .collect();
        let site = Site::start(&names, first_ip)?;
        for (index, node) in servers.nodes.iter().enumerate() {
            fs::remove_dir_all(node.package()).expect("the package was extracted");
            fs::write(node.dir.join("curl"), "silent\n").expect("curl's options");
            // Each server sees the processes of its own double only, as a host of its own would.
            site.see_only(index, &node.path());
        }
        let cluster = RealServers { site, servers };
        cluster.write(&cluster.text(""));
        Some(cluster)
    }

    /// The cluster file, with `more` at the end of `[params]`.
    pub fn text(&self, more: &str) -> String {
        let mut text = format!(
            r#"[cluster]
name = "ucd-test"
procedure = "urbancode-deploy/high-availability"
target = "{TARGET}"
place = "lab"

{ssh}
[params]
web_scheme = "http"
lb_url = "{balancer}"
min_free_gb = 0
stop_timeout = "90s"
ready_timeout = "90s"
{more}
"#,
            ssh = self.ssh_table(),
            balancer = self.servers.balancer.url,
        );
        for (index, node) in self.servers.nodes.iter().enumerate() {
            let quoted = |(name, value): (&'static str, String)| match name {
                "web_port" => (name, value),
                _ => (name, format!("{value:?}")),
            };
            let params: Vec<_> = node.params().into_iter().map(quoted).collect();
            let role = if index == 0 { "first" } else { "server" };
            text += &self.node_table(index, &[role], &params);
        }
        text
    }
}

/// Whether the tests run as root, who alone can give files away.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

/// The shells of this machine that servers may have.
pub fn shells() -> Vec<&'static [&'static str]> {
    let known: [(&str, &'static [&'static str]); 2] =
        [("dash", &["dash"]), ("busybox", &["busybox", "sh"])];
    known
        .into_iter()
        .filter(|(program, _)| tools::tool(program).is_some())
        .map(|(_, shell)| shell)
        .collect()
}
