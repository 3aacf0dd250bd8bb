//! One of the pool's threads: takes the next job, opens what it needs, runs it, and gives everything back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::clock::Place;
use super::connection::{Access, OpenConnection};
use super::error::EngineError;
use super::lane::{After, NEXT_CONNECTION, Queue};
use super::pool::Shared;
use super::read::GLANCE;
use super::schedule::{Finished, Task};

/// Runs jobs until the pool is stopped and has nothing left to do.
pub(super) fn run(pool: &Arc<Shared>) {
    while let Some(task) = pool.wait_for_task() {
        let done = perform(pool, task);
        pool.finish(done);
    }
}

fn perform(pool: &Arc<Shared>, mut task: Task) -> Finished {
    for evicted in std::mem::take(&mut task.evicted) {
        evicted.close();
    }
    let mut done = Finished {
        key: task.key,
        queue: task.queue,
        after: After::Nothing,
        connection: None,
        lost: task.cost,
        again: None,
        long_log: false,
        long_read: false,
    };
    let span = task.job.span.clone();
    let _entered = span.enter();
    let opened = match task.connection.take() {
        Some(connection) => Ok(connection),
        None => open(pool, &task),
    };
    match opened {
        Ok(connection) => run_job(pool, task, connection, &mut done),
        Err(error) => done.after = (task.job.work)(Err(error)),
    }
    done
}

fn open(pool: &Arc<Shared>, task: &Task) -> Result<OpenConnection, EngineError> {
    let access = if matches!(task.queue, Queue::Reads(_)) { Access::Read } else { Access::Write };
    if !task.first {
        return Ok(OpenConnection::open(task.file.path(), access, pool.config.synchronous)?);
    }
    let opened = task.file.lock_shared().map_err(EngineError::from).and_then(|lock| {
        let connection = OpenConnection::open(task.file.path(), access, pool.config.synchronous)?;
        Ok((connection, lock))
    });
    let (opened, lock) = match opened {
        Ok((connection, lock)) => (Ok(connection), Some(lock)),
        Err(error) => (Err(error), None),
    };
    pool.opened(task.key, lock);
    opened
}

fn run_job(pool: &Arc<Shared>, task: Task, connection: OpenConnection, done: &mut Finished) {
    let mut job = task.job;
    done.lost = NEXT_CONNECTION;
    if job.cancelled.load(Ordering::Relaxed) {
        done.connection = Some(connection);
        return;
    }
    let place = match task.queue {
        Queue::Reads(pace) => Some(Place { pool: Arc::downgrade(pool), key: task.key, pace }),
        Queue::Writes | Queue::Lease => None,
    };
    let started = Instant::now();
    connection.clock.start(job.deadline, Arc::clone(&job.cancelled), place);
    let ran = catch_unwind(AssertUnwindSafe(|| (job.work)(Ok(&connection))));
    if let Some(pace) = connection.clock.stop() {
        done.queue = Queue::Reads(pace);
        done.long_read = started.elapsed() > GLANCE;
    }
    match ran {
        Ok(after) => {
            done.after = after;
            done.connection = Some(connection);
            done.again = (after == After::Again).then_some(job);
        }
        // The connection is closed, which rolls back, and the caller hears what happened.
        Err(payload) => {
            drop(connection);
            done.after = (job.work)(Err(EngineError::panicked(payload)));
        }
    }
    let leased = match done.after {
        After::Leased => true,
        After::Released => false,
        After::Nothing | After::Again => task.queue == Queue::Lease,
    };
    let wrote = matches!(task.queue, Queue::Writes | Queue::Lease) && !leased;
    done.long_log = wrote && task.file.log_length() > pool.config.log;
    if !leased && done.connection.as_ref().is_some_and(OpenConnection::in_transaction) {
        // Unreachable while the authorizer holds; closing it is what keeps it from the next caller.
        done.connection = None;
    }
}
