//! Object storage, where blobs lie besides the disk: a bucket that speaks S3, or a directory such as one of another machine.

use super::wire::Wire;
use crate::config;
use anyhow::{Context, Result, anyhow, bail, ensure};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use secrecy::ExposeSecret;
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

/// Access to the storage of the settings. Every call waits for its end.
#[derive(Clone)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
}

/// Without the store, which would show its secret.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Remote");
        shown.field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Remote {
    /// The storage of the settings, where they name one; `campaign` comes after the prefix. Connects to nothing.
    pub fn open(settings: &config::Storage, campaign: &str) -> Result<Option<Self>> {
        let Some(url) = &settings.url else {
            return Ok(None);
        };
        let (store, prefix): (Arc<dyn ObjectStore>, &str) = match url.split_once("://") {
            Some(("file", path)) => {
                std::fs::create_dir_all(path)
                    .with_context(|| format!("cannot create {path} (storage.url)"))?;
                let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
                (Arc::new(store), "")
            }
            Some(("s3", place)) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                (Arc::new(s3(settings, bucket)?), prefix)
            }
            _ => bail!("storage.url \"{url}\" is neither s3://BUCKET/PREFIX nor file:///DIRECTORY"),
        };
        let mut key = Key::parse(prefix).context("storage.url")?;
        if !campaign.is_empty() {
            key = key.join(campaign);
        }
        Ok(Some(Self { store, prefix: key }))
    }

    /// `ab/abcdef…`, as on the disk.
    fn key(&self, sha256: &str) -> Key {
        self.prefix.clone().join(&sha256[..2]).join(sha256)
    }

    /// Puts a file there whole, and asks whether it arrived; one that is there already is put over itself. Gives its length.
    pub fn put(&self, sha256: &str, path: &Path) -> Result<u64> {
        let mut file =
            File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (store, key) = (self.store.clone(), self.key(sha256));
        wait(async move {
            let bytes = file.metadata()?.len();
            if bytes <= PIECE as u64 {
                store.put(&key, next_piece(&mut file)?.into()).await?;
            } else {
                let mut upload = store.put_multipart(&key).await?;
                loop {
                    let piece = next_piece(&mut file)?;
                    if piece.is_empty() {
                        break;
                    }
                    if let Err(error) = upload.put_part(PutPayload::from(piece)).await {
                        // What it leaves behind costs room there, and nothing else.
                        let _ = upload.abort().await;
                        return Err(error.into());
                    }
                }
                upload.complete().await?;
            }
            let there = store.head(&key).await?.size;
            ensure!(there == bytes, "{there} of {bytes} bytes arrived");
            Ok(bytes)
        })
        .with_context(|| format!("cannot store {sha256}"))
    }

    /// Copies what lies there, piece by piece.
    pub fn copy(&self, sha256: &str, to: &mut dyn Write) -> Result<()> {
        let copied = self.copy_pieces(sha256, to);
        copied.with_context(|| format!("cannot fetch {sha256} from the storage"))
    }

    fn copy_pieces(&self, sha256: &str, to: &mut dyn Write) -> Result<()> {
        let (store, key) = (self.store.clone(), self.key(sha256));
        let size = wait(async move { Ok(store.head(&key).await?.size) })?;
        let mut at = 0;
        while at < size {
            let end = size.min(at + PIECE as u64);
            let (store, key) = (self.store.clone(), self.key(sha256));
            let piece = wait(async move { Ok(store.get_range(&key, at..end).await?) })?;
            ensure!(piece.len() as u64 == end - at, "fewer bytes than asked for");
            to.write_all(&piece)?;
            at = end;
        }
        Ok(())
    }

    /// Removes what lies there; what is not there is removed already.
    pub fn remove(&self, sha256: &str) -> Result<()> {
        let (store, key) = (self.store.clone(), self.key(sha256));
        wait(async move {
            match store.delete(&key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .with_context(|| format!("cannot remove {sha256} from the storage"))
    }
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

fn next_piece(file: &mut File) -> Result<Vec<u8>> {
    let mut piece = Vec::new();
    file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
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
