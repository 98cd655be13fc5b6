//! `baosong`: parse arguments, set up logs, run one verb.

use baosong::cli::Cli;
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    if let Some(code) = baosong::reader::run_if_asked() {
        return code;
    }
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    leave_when_nobody_reads();
    let cli = Cli::parse();
    log();
    cli.run().await
}

/// `baosong standing | head`: whoever reads our output has seen enough.
fn leave_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let closed = "failed printing to stdout: Broken pipe";
        if panic
            .payload_as_str()
            .is_some_and(|words| words.starts_with(closed))
        {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// For people on a terminal, as JSON for the journal. async-imap is kept at warn: its trace shows the password.
fn log() {
    let filter = EnvFilter::try_from_env("BAOSONG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = [
        "async_imap=warn",
        "imap_proto=warn",
        "lettre=warn",
        "rustls=warn",
    ]
    .into_iter()
    .fold(filter, |filter, directive| {
        filter.add_directive(directive.parse().expect("a constant directive"))
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        subscriber.compact().init();
    } else {
        subscriber.json().init();
    }
}
