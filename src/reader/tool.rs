//! Tools from outside: each run on one file, in a cage and a folder of its own.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::cage;
use super::wire::TOOL;
use crate::message::Tool;

/// Longer than any file of a report takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// So much is left even to the last file of a mail that had its time.
const LEAST: Duration = Duration::from_secs(1);
const INPUT: &str = "input";
const TEXT: &str = "output.txt";
const PICTURE: &str = "output.jpg";
const COMPLAINT: &str = "complaint.txt";

/// Name, arguments and result of a tool. The input lies in the folder, which is the working directory.
struct Recipe {
    name: &'static str,
    package: &'static str,
    arguments: &'static [&'static str],
    result: &'static str,
}

fn recipe(tool: Tool) -> Recipe {
    let (name, package, arguments, result): (_, _, &[&str], _) = match tool {
        Tool::PdfText => (
            "pdftotext",
            "poppler-utils、poppler-data",
            &["-layout", "-enc", "UTF-8", "-l", "200", INPUT, TEXT],
            TEXT,
        ),
        Tool::HeicPicture => (
            "heif-convert",
            "libheif-examples",
            &["-q", "85", INPUT, PICTURE],
            PICTURE,
        ),
        Tool::VideoFrame => (
            "ffmpeg",
            "ffmpeg",
            &[
                "-nostdin",
                "-loglevel",
                "error",
                "-protocol_whitelist",
                "file",
                "-threads",
                "1",
                "-i",
                INPUT,
                "-frames:v",
                "1",
                "-vf",
                "thumbnail=24,scale=480:-2",
                "-threads",
                "1",
                PICTURE,
            ],
            PICTURE,
        ),
    };
    Recipe {
        name,
        package,
        arguments,
        result,
    }
}

const ALL: [Tool; 3] = [Tool::PdfText, Tool::HeicPicture, Tool::VideoFrame];

/// Debian's packages of the tools that this machine lacks.
pub fn missing() -> Vec<&'static str> {
    let recipes = ALL.map(recipe);
    recipes
        .iter()
        .filter(|recipe| program(recipe.name).is_none())
        .map(|recipe| recipe.package)
        .collect()
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

/// Runs a tool on a copy of `input`, in a folder below `spool`; `ourselves` is this program, which becomes the cage.
/// It is killed at `until`. An error is the reason in Chinese, for staff.
pub fn run(
    ourselves: &Path,
    spool: &Path,
    tool: Tool,
    input: &mut File,
    until: Instant,
) -> Result<Vec<u8>, String> {
    let recipe = recipe(tool);
    if program(recipe.name).is_none() {
        return Err(format!("服务器未安装{}", recipe.package));
    }
    let mut work = || -> io::Result<Result<Vec<u8>, String>> {
        let folder = tempfile::tempdir_in(spool)?;
        input.rewind()?;
        io::copy(input, &mut File::create(folder.path().join(INPUT))?)?;
        let complaint = File::create(folder.path().join(COMPLAINT))?;
        let mut child = Command::new(ourselves)
            .args([TOOL, recipe.name])
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaint)
            .spawn()?;
        let Some(status) = wait(&mut child, until)? else {
            return Ok(Err("处理超时".to_string()));
        };
        let complaint = fs::read(folder.path().join(COMPLAINT))?;
        let complaint =
            String::from_utf8_lossy(&complaint[..complaint.len().min(4096)]).into_owned();
        let result = fs::read(folder.path().join(recipe.result));
        Ok(result
            .map_err(|_| reason(status, &complaint))
            .and_then(|result| checked(result, status, &complaint)))
    };
    work().unwrap_or_else(|error| Err(format!("无法运行{}：{error}", recipe.name)))
}

/// None when it had to be killed.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    let now = Instant::now();
    let deadline = until.clamp(now + LEAST, now + PATIENCE);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn checked(result: Vec<u8>, status: ExitStatus, complaint: &str) -> Result<Vec<u8>, String> {
    let nothing = result.trim_ascii().is_empty();
    if nothing && (complaint.contains("language pack") || !status.success()) {
        Err(reason(status, complaint))
    } else {
        Ok(result)
    }
}

fn reason(status: ExitStatus, complaint: &str) -> String {
    let complaint = complaint.to_ascii_lowercase();
    if complaint.contains("password") || complaint.contains("copying of text") {
        "加密"
    } else if complaint.contains("language pack") {
        "服务器缺少poppler-data"
    } else if status.code().is_none() {
        "处理时超出限制"
    } else {
        "损坏"
    }
    .to_string()
}

/// Becomes the tool: the cage closes, then the tool takes this process's place.
pub fn exec(name: &str) -> io::Result<()> {
    let unknown = || io::Error::from(io::ErrorKind::NotFound);
    let recipe = ALL
        .map(recipe)
        .into_iter()
        .find(|recipe| recipe.name == name);
    let recipe = recipe.ok_or_else(unknown)?;
    let program = program(recipe.name).ok_or_else(unknown)?;
    cage::tool(&std::env::current_dir()?)?;
    Err(Command::new(program)
        .args(recipe.arguments)
        .env_clear()
        .exec())
}
