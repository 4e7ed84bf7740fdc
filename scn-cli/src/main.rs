//! The command line `scn`: it reads arguments, calls the libraries, and shows what came of it.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "comments on arguments are help text, where [N] is a shape"
)]

mod arrays;
mod command;
mod device_name;
mod ending;
mod model_file;
mod number;
mod output;
mod pictures;
mod problem_files;
mod report;
mod run_view;
mod solver_name;
mod source;
mod tensorboard;
mod training;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::device_name::DeviceName;
use crate::ending::Ending;
use crate::output::Output;

/// Supervised deep sparse coding networks: train, evaluate and use them.
#[derive(Debug, Parser)]
#[command(
    name = "scn",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = ending::CODES
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
struct Global {
    /// Threads to compute with, up to 1024 (or the number of cores); as many as there are cores if not given. Results do not depend on it
    #[arg(long, global = true, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where to compute: cpu, cuda (the first graphics processor), cuda:1, or cuda:0,1 (each batch shared)
    #[arg(long, global = true, value_name = "DEVICE", default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Results as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Nothing but errors (and JSON)
    #[arg(long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(command::train::Train),
    Evaluate(command::evaluate::Evaluate),
    Predict(command::predict::Predict),
    Inspect(command::inspect::Inspect),
    Report(command::report::Report),
    Reproduce(command::reproduce::Reproduce),
    Init(command::init::Init),
    Gradients(command::gradients::Gradients),
    Solve(command::solve::Solve),
    Bench(command::bench::Bench),
    Data(command::data::Data),
    Device(command::device::Device),
    Completions(command::completions::Completions),
    Man(command::man::Man),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return output::answer(&answer),
    };
    match run(&cli).and_then(|ending| output::all_written().map(|()| ending)) {
        Ok(ending) => ending.code(),
        Err(error) => {
            output::error(&error);
            ending::code_of(&error)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<Ending> {
    let output = Output::new(cli.global.json, cli.global.quiet);
    let Global {
        device, threads, ..
    } = &cli.global;
    let open = || device.open(*threads);
    let processor = |command| {
        device.expect_cpu(command)?;
        open()
    };
    let done = match &cli.command {
        Command::Train(command) => return command.run(&open()?, &output),
        Command::Reproduce(command) => return command.run(&open()?, &output),
        Command::Gradients(command) => return command.run(&open()?, &output),
        Command::Solve(command) => return processor("scn solve")?.run(|| command.run(&output)),
        Command::Evaluate(command) => command.run(&open()?, &output),
        Command::Predict(command) => command.run(&open()?, &output),
        Command::Report(command) => command.run(&open()?, &output),
        Command::Bench(command) => command.run(device, open, &output),
        Command::Inspect(command) => command.run(&output),
        Command::Init(command) => command.run(&output),
        Command::Data(command) => command.run(&output),
        Command::Device(command) => command.run(&output),
        Command::Completions(command) => command.run(&output),
        Command::Man(command) => command.run(&output),
    };
    done.map(|()| Ending::Done)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
