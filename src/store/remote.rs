//! Object storage, where blobs lie besides the disk: a bucket that speaks S3, or a directory such as one of another machine.

use super::wire::Wire;
use crate::config;
use crate::message::hex;
use anyhow::{Context, Result, anyhow, bail, ensure};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use rustix::fs::Access;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What is sent or asked for at a time, so that each request ends within its patience and no file stands in memory whole.
/// S3 takes no parts of less than 5 MB.
pub(super) const PIECE: usize = 8 << 20;
/// What fails within this is tried again; after it, with the next pass.
const PERSISTENCE: Duration = Duration::from_secs(20);
/// What is put there to see whether it can be.
const TRIAL: &str = "baosong doctor\n";

/// Access to the storage of the settings. Every call waits for its end.
#[derive(Clone)]
pub struct Remote {
    settings: config::Storage,
    /// Comes after the prefix; may be empty.
    campaign: String,
    opened: Arc<OnceLock<Opened>>,
}

#[derive(Clone)]
struct Opened {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
}

/// Without the store, which would show its secret.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Remote");
        shown.field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Remote {
    /// The storage of the settings, where they name one; `campaign` comes after the prefix. It is opened when it is first
    /// needed, and until that succeeds with each call anew.
    pub fn of(settings: &config::Storage, campaign: &str) -> Option<Self> {
        settings.url.is_some().then(|| Self {
            settings: settings.clone(),
            campaign: campaign.to_owned(),
            opened: Arc::default(),
        })
    }

    /// The same for storages, and campaigns in them, in which the same files are found.
    pub fn place(&self) -> String {
        let endpoint = self.settings.endpoint.as_deref().unwrap_or_default();
        [self.url(), endpoint, &self.campaign].join(" ")
    }

    fn url(&self) -> &str {
        self.settings.url.as_deref().unwrap_or_default()
    }

    /// Where it is a directory.
    fn directory(&self) -> Option<&Path> {
        self.url().strip_prefix("file://").map(Path::new)
    }

    /// Whether the settings lead to one: its key can be read, its directory is there or can be made. Connects to nothing.
    pub fn ready(&self) -> Result<()> {
        match self.directory().filter(|dir| !dir.exists()) {
            Some(dir) => can_be_made(dir)
                .with_context(|| format!("cannot create {} (storage.url)", dir.display())),
            None => self.opened().map(drop),
        }
    }

    /// Puts a small object there, looks at it and removes it. `false` where the directory is yet to be made: nothing is
    /// made in the name of whoever tries it.
    pub fn try_out(&self) -> Result<bool> {
        self.ready()?;
        if self.directory().is_some_and(|dir| !dir.exists()) {
            return Ok(false);
        }
        let Opened { store, prefix } = self.opened()?;
        let key = prefix.join(format!("trial-{}", std::process::id()));
        wait(async move {
            store.put(&key, TRIAL.into()).await.context("put")?;
            let seen = store.head(&key).await.context("head");
            store.delete(&key).await.context("delete")?;
            let there = seen?.size;
            ensure!(
                there == TRIAL.len() as u64,
                "{there} of {} bytes arrived",
                TRIAL.len()
            );
            Ok(true)
        })
    }

    fn opened(&self) -> Result<Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.clone());
        }
        let opened = open(&self.settings, self.url())?;
        Ok(self.opened.get_or_init(|| opened).clone())
    }

    /// The store, and `ab/abcdef…` in it, as on the disk.
    fn at(&self, sha256: &str) -> Result<(Arc<dyn ObjectStore>, Key)> {
        let Opened { store, mut prefix } = self.opened()?;
        if !self.campaign.is_empty() {
            prefix = prefix.join(self.campaign.as_str());
        }
        Ok((store, prefix.join(&sha256[..2]).join(sha256)))
    }

    /// Puts a file there whole, and asks whether it arrived; one that is there already is put over itself. `beat` is
    /// called whenever a piece is through. Gives its length.
    ///
    /// # Errors
    /// Also where the file's hash is not its name.
    pub fn put(&self, sha256: &str, path: &Path, beat: impl Fn()) -> Result<u64> {
        self.put_pieces(sha256, path, &beat)
            .with_context(|| format!("cannot store {sha256}"))
    }

    fn put_pieces(&self, sha256: &str, path: &Path, beat: &dyn Fn()) -> Result<u64> {
        if let Some(dir) = self.directory() {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot create {} (storage.url)", dir.display()))?;
        }
        let (store, key) = self.at(sha256)?;
        let mut file = Named::open(sha256, path)?;
        let first = file.next_piece()?;
        if first.len() < PIECE {
            file.is_whole()?;
            let (store, key) = (store.clone(), key.clone());
            wait(async move { Ok(store.put(&key, first.into()).await?) })?;
        } else {
            let (store, key) = (store.clone(), key.clone());
            let mut upload = wait(async move { Ok(store.put_multipart(&key).await?) })?;
            if let Err(error) = send(&mut upload, first, &mut file, beat) {
                // What it leaves behind costs room there, and nothing else.
                let _ = wait(async move { Ok(upload.abort().await?) });
                return Err(error);
            }
            wait(async move { Ok(upload.complete().await?) })?;
        }
        beat();
        let there = wait(async move { Ok(store.head(&key).await?.size) })?;
        let bytes = file.bytes;
        ensure!(there == bytes, "{there} of {bytes} bytes arrived");
        Ok(bytes)
    }

    /// Length of what lies there; `None` where nothing does.
    pub fn size(&self, sha256: &str) -> Result<Option<u64>> {
        let look = || {
            let (store, key) = self.at(sha256)?;
            wait(async move {
                match store.head(&key).await {
                    Ok(found) => Ok(Some(found.size)),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            })
        };
        look().with_context(|| format!("cannot look for {sha256} in the storage"))
    }

    /// Copies what lies there, piece by piece.
    pub fn copy(&self, sha256: &str, to: &mut dyn Write) -> Result<()> {
        let copied = self.copy_pieces(sha256, to);
        copied.with_context(|| format!("cannot fetch {sha256} from the storage"))
    }

    fn copy_pieces(&self, sha256: &str, to: &mut dyn Write) -> Result<()> {
        let (store, key) = self.at(sha256)?;
        let head = (store.clone(), key.clone());
        let size = wait(async move { Ok(head.0.head(&head.1).await?.size) })?;
        let mut at = 0;
        while at < size {
            let end = size.min(at + PIECE as u64);
            let (store, key) = (store.clone(), key.clone());
            let piece = wait(async move { Ok(store.get_range(&key, at..end).await?) })?;
            ensure!(piece.len() as u64 == end - at, "fewer bytes than asked for");
            to.write_all(&piece)?;
            at = end;
        }
        Ok(())
    }

    /// Removes what lies there; what is not there is removed already.
    pub fn remove(&self, sha256: &str) -> Result<()> {
        let remove = || {
            let (store, key) = self.at(sha256)?;
            wait(async move {
                match store.delete(&key).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            })
        };
        remove().with_context(|| format!("cannot remove {sha256} from the storage"))
    }
}

/// Whether the storage itself failed, not what was to be stored.
pub fn is_of_storage(error: &anyhow::Error) -> bool {
    error.is::<object_store::Error>()
}

/// Connects to nothing, and makes nothing.
fn open(settings: &config::Storage, url: &str) -> Result<Opened> {
    let (store, prefix): (Arc<dyn ObjectStore>, &str) = match url.split_once("://") {
        Some(("file", path)) => {
            ensure!(
                Path::new(path).is_dir(),
                "{path} is no directory (storage.url)"
            );
            let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
            (Arc::new(store), "")
        }
        Some(("s3", place)) => {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            (Arc::new(s3(settings, bucket)?), prefix)
        }
        _ => bail!("storage.url \"{url}\" is neither s3://BUCKET/PREFIX nor file:///DIRECTORY"),
    };
    let prefix = Key::parse(prefix).context("storage.url")?;
    Ok(Opened { store, prefix })
}

/// Whether the nearest of the directories above that is there may be written to.
fn can_be_made(dir: &Path) -> Result<()> {
    let above = dir.ancestors().find(|dir| dir.exists());
    let above = above.context("nothing is above it")?;
    ensure!(above.is_dir(), "{} is no directory", above.display());
    rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK)
        .with_context(|| above.display().to_string())
}

fn s3(settings: &config::Storage, bucket: &str) -> Result<impl ObjectStore + use<>> {
    let keys = config::secret(&settings.key_file).context("storage.key_file")?;
    let (id, secret) = keys.expose_secret().split_once('\n').with_context(|| {
        let file = settings.key_file.display();
        format!("{file} must hold the access key's id, and its secret on the next line")
    })?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&settings.region)
        .with_access_key_id(id.trim())
        .with_secret_access_key(secret.trim())
        .with_virtual_hosted_style_request(settings.bucket_in_host)
        .with_http_connector(Wire::new())
        .with_retry(RetryConfig {
            max_retries: 3,
            retry_timeout: PERSISTENCE,
            ..RetryConfig::default()
        });
    if let Some(endpoint) = &settings.endpoint {
        // Plain HTTP is refused with the settings, but for a loopback address.
        let plain = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint).with_allow_http(plain);
    }
    builder.build().context("storage cannot be used")
}

/// Sends a file of which the first piece was read, and ends before it is made visible.
fn send(
    upload: &mut Box<dyn MultipartUpload>,
    first: Vec<u8>,
    file: &mut Named,
    beat: &dyn Fn(),
) -> Result<()> {
    let mut piece = first;
    while !piece.is_empty() {
        let sent = upload.put_part(PutPayload::from(piece));
        wait(async move { Ok(sent.await?) })?;
        beat();
        piece = file.next_piece()?;
    }
    file.is_whole()
}

/// A file that is hashed while it is read, to be compared with its name.
struct Named<'a> {
    sha256: &'a str,
    file: File,
    hasher: Sha256,
    bytes: u64,
}

impl<'a> Named<'a> {
    fn open(sha256: &'a str, path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            sha256,
            file,
            hasher: Sha256::new(),
            bytes: 0,
        })
    }

    /// Shorter than [`PIECE`] at the end alone.
    fn next_piece(&mut self) -> Result<Vec<u8>> {
        let mut piece = Vec::new();
        let mut some = (&mut self.file).take(PIECE as u64);
        some.read_to_end(&mut piece)?;
        self.hasher.update(&piece);
        self.bytes += piece.len() as u64;
        Ok(piece)
    }

    fn is_whole(&self) -> Result<()> {
        let hash = hex(&self.hasher.clone().finalize());
        ensure!(
            hash == self.sha256,
            "it is damaged on the disk: its hash differs"
        );
        Ok(())
    }
}

/// Waits for work on the one runtime that connections live on, from within another or from none.
fn wait<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let begin = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().ok()
    };
    let runtime = RUNTIME.get_or_init(begin).as_ref();
    let (to, from) = mpsc::sync_channel(1);
    runtime.context("cannot start a thread")?.spawn(async move {
        // Whoever asked waits for it.
        let _ = to.send(work.await);
    });
    from.recv().map_err(|_| anyhow!("the work broke off"))?
}
