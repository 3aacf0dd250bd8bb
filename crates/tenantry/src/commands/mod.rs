//! What each command does.

mod adopt;
mod audit;
mod check;
mod demo;
mod fleet;
mod hints;
mod instance;
mod logging;
mod migrate;
mod operator;
mod people;
mod serve;
mod server;
mod site;
mod tenant;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::App;
use crate::cli::args::{self, Command, Invocation};
use crate::cli::{Failure, Output};
use crate::config::{Loaded, Settings, Sources};
use instance::Descriptors;

/// What every command works with.
pub(crate) struct Context {
    app: App,
    sources: Sources,
    loaded: Loaded,
    descriptors: Descriptors,
    out: Output,
}

impl App {
    /// Understands the process's command line, does what it says, and tells how that went.
    ///
    /// To be called once, from `main`: it sets up the log and the threads of the process.
    #[must_use]
    pub fn run(self) -> ExitCode {
        run(self, std::env::args_os())
    }
}

/// Understands a command line and does what it says.
fn run(app: App, words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let invocation = match Invocation::parse(app.identity(), words) {
        Ok(invocation) => invocation,
        Err(error) => {
            // Where neither standard output nor standard error is left, nobody can be told.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut out = Output::process();
    if let Command::Completions { shell } = invocation.command {
        let mut script = Vec::new();
        args::completions(app.identity(), shell, &mut script);
        out.bytes(&script);
        return out.finish(Ok(()));
    }
    match Context::new(app, &invocation, out) {
        Ok(context) => context.run(invocation.command),
        Err(refused) => {
            let (out, failure) = *refused;
            out.finish(Err(failure))
        }
    }
}

impl Context {
    fn new(app: App, invocation: &Invocation, mut out: Output) -> Result<Self, Box<(Output, Failure)>> {
        let sources = match invocation.sources() {
            Ok(sources) => sources,
            Err(error) => {
                let failure = Failure::from(error)
                    .hint("it must be UTF-8 text that this user can read; where there is none, the environment counts");
                return Err(Box::new((out, failure)));
            }
        };
        for warning in sources.warnings() {
            out.warn(warning);
        }
        let loaded = match Settings::load(&sources) {
            Ok(loaded) => loaded,
            Err(problems) => {
                let failure = match &invocation.command {
                    Command::Check(args) if args.config || args.json => {
                        check::tell_problems(args, &problems, &mut out)
                    }
                    _ => problems.into(),
                };
                return Err(Box::new((out, failure)));
            }
        };
        // Before anything is opened: a limit that is too low would show itself as whatever happens to fail first.
        match Descriptors::of_process(&loaded.settings) {
            Ok(descriptors) => Ok(Self { app, sources, loaded, descriptors, out }),
            Err(failure) => Err(Box::new((out, failure))),
        }
    }

    fn run(mut self, command: Command) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let result = match runtime {
            Ok(runtime) => {
                let result = runtime.block_on(self.perform(command));
                // A question that nobody answered may still hold a thread: it must not hold up the end.
                runtime.shutdown_background();
                result
            }
            Err(error) => Err(error.into()),
        };
        self.out.finish(result)
    }

    async fn perform(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Serve(_) => self.serve().await,
            Command::Demo(_) => self.demo().await,
            Command::Tenant(command) => self.tenant(command).await,
            Command::Server(command) => self.server(command).await,
            Command::Adopt(args) => self.adopt(args).await,
            Command::Migrate(args) => self.migrate(args).await,
            Command::Fleet(command) => self.fleet(command).await,
            Command::Showmigrations(args) => self.showmigrations(args).await,
            Command::Createsuperuser(args) => self.createsuperuser(args).await,
            Command::Changepassword(args) => self.changepassword(args).await,
            Command::Operator(command) => self.operator(command).await,
            Command::Check(args) => self.check(&args).await,
            Command::Audit(args) => self.audit(args).await,
            Command::Hosts { json } => self.hosts(json),
            Command::Reconcile { json } => self.reconcile(json).await,
            // Done before there was a configuration to read.
            Command::Completions { .. } => Ok(()),
        }
    }

    fn settings(&self) -> &Settings {
        &self.loaded.settings
    }
}
