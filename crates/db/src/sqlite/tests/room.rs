//! Files make room for one another: a tenant that is asked without a pause keeps nobody out.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{HANG, canaries, file, pool};

/// Work that says that it has begun and then ends when it may.
struct Gated {
    begun: Arc<Semaphore>,
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Gated {
    /// It, and what opens its gate when it is dropped.
    fn new(begun: &Arc<Semaphore>) -> (Self, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        (Self { begun: Arc::clone(begun), gate: Arc::new(Mutex::new(gate)) }, open)
    }

    fn run(&self) {
        self.begun.add_permits(1);
        // The sender says nothing, and is dropped.
        let _ = self.gate.lock().unwrap().recv();
    }
}

/// Puts an operation in its queue.
async fn ask(operation: Pin<&mut impl Future>) {
    let mut operation = operation;
    let pending = poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx).is_pending())).await;
    assert!(pending, "it can't have run yet");
}

/// Whether an operation ends where it is asked for; it is dropped where it does not.
async fn at_once(operation: impl Future) -> bool {
    let mut operation = pin!(operation);
    yield_now().await;
    poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx).is_ready())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_never_at_rest_leaves_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(0, HANG);
    let (busy, quiet) = (file(folder.path(), 1), file(folder.path(), 2));
    let begun = Arc::new(Semaphore::new(0));
    let read = || {
        let (gated, open) = Gated::new(&begun);
        let read = pool.read(&busy, move |_| {
            gated.run();
            Ok(())
        });
        (Box::pin(read), open)
    };
    let (gated, open_writer) = Gated::new(&begun);
    let mut writer = Box::pin(pool.write(&busy, move |_| {
        gated.run();
        Ok(())
    }));
    let ([mut first, mut second, mut third, mut last], gates): ([_; 4], Vec<_>) = {
        let (reads, gates): (Vec<_>, Vec<_>) = (0..4).map(|_| read()).unzip();
        (reads.try_into().unwrap_or_else(|_| panic!("there are four")), gates)
    };
    let [open_first, open_second, open_third, open_last] =
        <[_; 4]>::try_from(gates).unwrap_or_else(|_| panic!("there are four"));

    // All connections but one are in use: there is no room for another file.
    ask(writer.as_mut()).await;
    ask(first.as_mut()).await;
    ask(second.as_mut()).await;
    begun.acquire_many(3).await.unwrap().forget();
    let mut waiting = Box::pin(canaries(&pool, &quiet));
    ask(waiting.as_mut()).await;
    ask(third.as_mut()).await;
    ask(last.as_mut()).await;
    drop((open_first, open_second, open_third, open_writer));
    // Whatever came before it has ended, and the last came after it.
    assert_eq!(timeout(HANG, waiting).await.expect("it gets its turn").unwrap(), [2]);
    drop(open_last);
    for read in [first, second, third, last] {
        timeout(HANG, read).await.expect("they end too").unwrap();
    }
    timeout(HANG, writer).await.expect("so does the writer").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_read_gives_way_to_another_tenant_that_waits_for_room() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(0, HANG);
    let (busy, quiet) = (file(folder.path(), 1), file(folder.path(), 2));
    let begun = Arc::new(Semaphore::new(0));
    let [(gated, open_first), (other, open_second), (writes, open_writer)] =
        [(); 3].map(|()| Gated::new(&begun));
    let read = |gated: Gated| {
        Box::pin(pool.read(&busy, move |_| {
            gated.run();
            Ok(())
        }))
    };
    let (mut first, mut second) = (read(gated), read(other));
    let mut writer = Box::pin(pool.write(&busy, move |_| {
        writes.run();
        Ok(())
    }));
    ask(first.as_mut()).await;
    ask(second.as_mut()).await;
    ask(writer.as_mut()).await;
    begun.acquire_many(3).await.unwrap().forget();
    drop((open_first, open_second));
    first.await.unwrap();
    second.await.unwrap();
    timeout(HANG, async { while !at_once(canaries(&pool, &busy)).await {} }).await.unwrap();

    // Two connections are idle now, and the writer keeps the file from being closed.
    let mut waiting = Box::pin(canaries(&pool, &quiet));
    ask(waiting.as_mut()).await;
    let found_none = async {
        while !pool.waits_for_room() {
            yield_now().await;
        }
    };
    timeout(HANG, found_none).await.expect("a thread finds that there is no room");
    let mut short = Box::pin(canaries(&pool, &busy));
    ask(short.as_mut()).await;
    drop(open_writer);
    assert_eq!(timeout(HANG, waiting).await.expect("it gets its turn").unwrap(), [2]);
    assert_eq!(timeout(HANG, short).await.expect("so does the one that gave way").unwrap(), [1]);
    timeout(HANG, writer).await.expect("so does the writer").unwrap();
}
