//! A real Dovecot, thrown away after the test: own configuration, own directories, loopback, any user.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The password of every user.
pub const PASSWORD: &str = "secret";

/// A running instance; it ends when it is dropped.
pub struct Dovecot {
    dir: TempDir,
    port: u16,
}

impl Dovecot {
    /// Starts one. Panics with the remedy where that is not possible: a test against it never passes unrun.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("dovecot")
            .tempdir()
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        for sub in ["run", "state", "mail"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
        }
        let configuration = dir.path().join("dovecot.conf");
        fs::write(&configuration, settings(dir.path(), port)).unwrap();
        open_to_mail_user(dir.path());
        let started = Command::new("dovecot")
            .arg("-c")
            .arg(&configuration)
            .status();
        assert!(
            started.as_ref().is_ok_and(|status| status.success()),
            "dovecot did not start ({started:?}); install dovecot-imapd, or run tests/run as root"
        );
        let dovecot = Self { dir, port };
        dovecot.wait();
        dovecot
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A mail arrives in a user's INBOX; its INTERNALDATE is the file's time.
    pub fn deliver(&self, user: &str, name: &str, raw: &[u8], at: SystemTime) {
        let maildir = self.maildir(user);
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(sub)).unwrap();
        }
        let path = maildir.join("new").join(name);
        fs::write(&path, raw).unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(at)
            .unwrap();
        let owned = Command::new("chown")
            .args(["-R", "nobody:nogroup"])
            .arg(&maildir)
            .status();
        assert!(owned.unwrap().success());
    }

    /// The mails of a user's INBOX with their flags, and whether the server counts them as new.
    pub fn mails(&self, user: &str) -> Vec<String> {
        let mut names = Vec::new();
        for sub in ["new", "cur"] {
            for entry in fs::read_dir(self.maildir(user).join(sub)).unwrap() {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                let (name, flags) = name.split_once(":2,").unwrap_or((&name, ""));
                names.push(format!(
                    "{} {flags}",
                    name.split(',').next().unwrap_or(name)
                ));
            }
        }
        names.sort();
        names
    }

    fn maildir(&self, user: &str) -> PathBuf {
        self.dir.path().join("mail").join(user)
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "dovecot does not answer");
            std::thread::yield_now();
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let _ = Command::new("doveadm")
            .arg("-c")
            .arg(self.dir.path().join("dovecot.conf"))
            .arg("stop")
            .status();
    }
}

/// The mail user must reach its directory below the temporary one.
fn open_to_mail_user(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
}

fn settings(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "protocols = imap
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{dir}/mail/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 0
first_valid_gid = 0
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}/mail/%u
}}
"
    )
}
