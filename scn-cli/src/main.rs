//! The `scn` command-line program: parses arguments, calls the libraries and prints results.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "comments on arguments are help text, where [N] is a shape"
)]

mod arrays;
mod codes_file;
mod column_blocks;
mod column_input;
mod command;
mod configuration;
mod data_folder;
mod device_name;
#[cfg(test)]
mod documents;
mod ending;
mod model_file;
mod model_images;
mod number;
mod output;
mod patch_options;
mod patches;
mod picture_out;
mod pictures;
mod problem_arrays;
mod problem_files;
mod processes;
mod readable;
mod report;
mod run_files;
mod run_view;
mod samples;
mod screen;
mod setting;
mod signals;
mod solver_name;
mod sparse_codes;
mod sparse_columns;
mod table;
mod tensorboard;
mod training;
mod watched_file;
mod whole_file;

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use scn_net::Device;

use crate::device_name::DeviceName;
use crate::ending::Ending;
use crate::output::Output;
use crate::processes::Together;

/// Trains, evaluates and uses supervised deep sparse coding networks.
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

/// Options common to all commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
struct Global {
    /// Number of CPU threads, also when computing on a GPU; at most 1024, or the number of cores if
    /// that is larger. Results do not depend on it [default: RAYON_NUM_THREADS,
    /// or the number of cores]
    #[arg(long, global = true, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where to compute: cpu, cuda (the first GPU, or one per process under mpirun), cuda:1, or
    /// cuda:0,1 (splits each batch). CPU-only commands reject cuda
    #[arg(long, global = true, value_name = "DEVICE", default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Prints results as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Prints only errors (and JSON)
    #[arg(long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(command::train::Train),
    Presets(command::presets::Presets),
    Evaluate(command::evaluate::Evaluate),
    Predict(command::predict::Predict),
    Encode(command::encode::Encode),
    Inspect(command::inspect::Inspect),
    Report(command::report::Report),
    Reproduce(command::reproduce::Reproduce),
    Init(command::init::Init),
    Gradients(command::gradients::Gradients),
    Solve(command::solve::Solve),
    Learn(command::learn::Learn),
    Reconstruct(command::reconstruct::Reconstruct),
    Bench(command::bench::Bench),
    Data(command::data::Data),
    Device(command::device::Device),
    Completions(command::completions::Completions),
    Man(command::man::Man),
}

fn main() -> ExitCode {
    let together = match Together::join() {
        Ok(together) => together,
        Err(error) => {
            output::error(&error);
            return ending::code_of(&error);
        }
    };
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) if together.is_first() => return output::answer(&answer),
        Err(answer) => return output::silent_answer(&answer),
    };
    let ended = run(&cli, &together);
    together.end(ended.and_then(|ending| output::all_written().map(|()| ending)))
}

fn run(cli: &Cli, together: &Together) -> anyhow::Result<Ending> {
    let Global {
        threads,
        device,
        json,
        quiet,
    } = &cli.global;
    let processes = together.all();
    if !together.is_first() && !cli.command.is_shared() {
        return Ok(Ending::Done);
    }
    let output = match together.is_first() {
        true => Output::new(*json, *quiet),
        false => Output::silent(),
    };
    if !output.for_a_person() {
        screen::hide();
    }
    signals::watch(output)?;
    if let Some(command) = cli.command.cpu_only() {
        device.expect_cpu(command)?;
    }
    // These threads do all CPU work of the command, whichever device it computes on.
    let host = Device::cpu(threads.map(usize::from))?;
    let device = match cli.command.is_shared() {
        true => device
            .open(&host, together.on_machine())?
            .shared_by(processes),
        false => device.open(&host, (0, 1))?,
    };
    host.run(|| cli.command.run(&device, &output))
}

impl Command {
    /// Returns the command's name if it runs on the CPU only, or None if it runs on any device.
    fn cpu_only(&self) -> Option<&'static str> {
        match self {
            Self::Train(_)
            | Self::Evaluate(_)
            | Self::Predict(_)
            | Self::Encode(_)
            | Self::Report(_)
            | Self::Reproduce(_)
            | Self::Gradients(_) => None,
            Self::Bench(command) => command.cpu_only(),
            Self::Presets(_) => Some("scn presets"),
            Self::Inspect(_) => Some("scn inspect"),
            Self::Init(_) => Some("scn init"),
            Self::Solve(_) => Some("scn solve"),
            Self::Learn(_) => Some("scn learn"),
            Self::Reconstruct(_) => Some("scn reconstruct"),
            Self::Data(command) => Some(command.name()),
            Self::Device(_) => Some("scn device"),
            Self::Completions(_) => Some("scn completions"),
            Self::Man(_) => Some("scn man"),
        }
    }

    /// Whether all MPI processes run the command together. Other commands run in the first process
    /// only.
    fn is_shared(&self) -> bool {
        match self {
            Self::Bench(command) => command.is_shared(),
            Self::Train(_)
            | Self::Evaluate(_)
            | Self::Reproduce(_)
            | Self::Solve(_)
            | Self::Learn(_) => true,
            _ => false,
        }
    }

    fn run(&self, device: &Device, output: &Output) -> anyhow::Result<Ending> {
        let done = match self {
            Self::Train(command) => return command.run(device, output),
            Self::Reproduce(command) => return command.run(device, output),
            Self::Gradients(command) => return command.run(device, output),
            Self::Solve(command) => return command.run(&*device.processes(), output),
            Self::Learn(command) => return command.run(device.processes(), output),
            Self::Presets(command) => command.run(output),
            Self::Evaluate(command) => command.run(device, output),
            Self::Predict(command) => command.run(device, output),
            Self::Encode(command) => command.run(device, output),
            Self::Report(command) => command.run(device, output),
            Self::Bench(command) => command.run(device, output),
            Self::Inspect(command) => command.run(output),
            Self::Init(command) => command.run(output),
            Self::Reconstruct(command) => command.run(output),
            Self::Data(command) => command.run(output),
            Self::Device(command) => command.run(output),
            Self::Completions(command) => command.run(Cli::command(), output),
            Self::Man(command) => command.run(Cli::command(), output),
        };
        done.map(|()| Ending::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    /// Calls `see` with each command that has no subcommands, and with its full name.
    fn each(command: &clap::Command, name: &str, see: &mut dyn FnMut(&clap::Command, &str)) {
        let below: Vec<_> = command
            .get_subcommands()
            .filter(|below| below.get_name() != "help")
            .collect();
        if below.is_empty() {
            see(command, name);
        }
        for below in below {
            each(below, &format!("{name} {}", below.get_name()), see);
        }
    }

    #[test]
    fn every_command_takes_the_options_of_all_and_has_an_example() {
        let mut tree = Cli::command();
        tree.build();
        let mut count = 0;
        each(&tree, "scn", &mut |command, name| {
            count += 1;
            for option in ["threads", "device", "json", "quiet"] {
                assert!(
                    command
                        .get_arguments()
                        .any(|argument| argument.get_long() == Some(option)
                            && !argument.is_hide_set()),
                    "{name} --{option}"
                );
            }
            let example = command.get_after_help().map(ToString::to_string);
            assert!(
                example.is_some_and(|text| text.starts_with("Example") && text.contains(name)),
                "{name}"
            );
        });
        assert!(count > 15, "{count}");
    }
}
