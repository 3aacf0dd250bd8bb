//! What is sent on a connection while answers to what was sent before are still to come.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The flights on one connection: each is all that one operation sends at once, and the server answers one after the other.
pub(super) struct Flights(Mutex<State>);

struct State {
    sent: u64,
    /// The last that was answered: so were all before it.
    answered: u64,
    /// When the first that is not answered was, at the earliest, begun to be answered.
    moved: Instant,
}

/// The place of one flight among those on its connection.
#[derive(Clone, Copy)]
pub(super) struct Number(u64);

impl Flights {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { sent: 0, answered: 0, moved: Instant::now() }))
    }

    /// Sends a flight, which sends all that it has when it is first polled, with nothing of anyone else's in between. What it
    /// comes to, where it has come to it already.
    pub(super) async fn send<F: Future>(&self, mut flight: Pin<&mut F>) -> (Number, Option<F::Output>) {
        poll_fn(|context| {
            let mut state = self.state();
            if state.sent == state.answered {
                state.moved = Instant::now();
            }
            state.sent += 1;
            let done = match flight.as_mut().poll(context) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => None,
            };
            Poll::Ready((Number(state.sent), done))
        })
        .await
    }

    /// Sends what belongs behind a flight, unless another was sent since: then it is not sent. Nobody waits for its answer.
    pub(super) async fn send_if_last(&self, flight: Number, mut sends: Pin<&mut impl Future<Output = ()>>) {
        poll_fn(|context| {
            let mut state = self.state();
            if state.sent == flight.0 {
                state.sent += 1;
                let _ = sends.as_mut().poll(context);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Notes that a flight was answered as a whole.
    pub(super) fn answer(&self, flight: Number) {
        let mut state = self.state();
        if flight.0 > state.answered {
            state.answered = flight.0;
            state.moved = Instant::now();
        }
    }

    /// How many are not answered, as far as anybody has seen.
    pub(super) fn unanswered(&self) -> u64 {
        let state = self.state();
        state.sent - state.answered
    }

    /// Whether the server has been busy with one of them for so long.
    pub(super) fn is_stuck(&self, for_long: Duration) -> bool {
        let state = self.state();
        state.answered < state.sent && state.moved.elapsed() >= for_long
    }

    /// Whether one that was sent before this one is still to be answered.
    pub(super) fn has_others_before(&self, flight: Number) -> bool {
        self.state().answered + 1 < flight.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
