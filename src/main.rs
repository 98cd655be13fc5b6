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
    let cli = Cli::parse();
    log();
    cli.run().await
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
