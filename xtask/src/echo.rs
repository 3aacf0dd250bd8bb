//! What another program prints, passed on line by line.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

/// How long to wait until a reader that is behind is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Standard output, for lines of a program that has to end in peace. `println!` panics where it can't write, and the
/// program would then write into a closed pipe: each of its tests would fail for that.
pub(crate) struct Echo<W> {
    to: W,
    failed: Option<io::Error>,
}

impl Echo<File> {
    /// # Errors
    /// Raised when standard output is closed.
    pub(crate) fn new() -> Result<Self, String> {
        let own = io::stdout().as_fd().try_clone_to_owned().map_err(|cause| said(&cause))?;
        Ok(Self { to: File::from(own), failed: None })
    }
}

impl<W: Write> Echo<W> {
    /// Writes a line, and waits for a reader that is behind where standard output does not wait by itself (a pipe that
    /// whoever made it has set so). After a failure nothing is written any more.
    pub(crate) fn line(&mut self, line: &str) {
        if self.failed.is_none() {
            self.failed = self.write(format!("{line}\n").as_bytes()).err();
        }
    }

    /// # Errors
    /// Raised when a line could not be written.
    pub(crate) fn end(self) -> Result<(), String> {
        self.failed.map_or(Ok(()), |cause| Err(said(&cause)))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "between two tries; the standard library has no way to wait for this"
    )]
    fn write(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

fn said(cause: &io::Error) -> String {
    format!("can't write to standard output: {cause}")
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A reader, and one who writes to it without waiting.
    fn pair() -> (UnixStream, Echo<UnixStream>) {
        let (reader, to) = UnixStream::pair().unwrap();
        to.set_nonblocking(true).unwrap();
        (reader, Echo { to, failed: None })
    }

    #[test]
    fn a_reader_that_is_behind_gets_every_line() {
        let (mut reader, mut echo) = pair();
        let lines: Vec<String> = (0..20_000).map(|n| format!("line {n}")).collect();
        let written = lines.clone();
        let writer = thread::spawn(move || {
            written.iter().for_each(|line| echo.line(line));
            echo.end()
        });
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(writer.join().unwrap(), Ok(()));
        assert!(read.lines().eq(&lines));
    }

    #[test]
    fn a_reader_that_has_gone_is_told_of_at_the_end() {
        let (reader, mut echo) = pair();
        drop(reader);
        echo.line("one");
        echo.line("two");
        assert!(echo.end().unwrap_err().starts_with("can't write to standard output: "));
    }
}
