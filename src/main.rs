//! `baosong`: parse arguments, set up logs, run one verb.

use baosong::cli::Cli;
use clap::Parser;
use std::process::ExitCode;

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
    baosong::log::init();
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
