//! Chromium and its driver, for the tests that use the admin as people do.

use crate::tools::{install, is_installed};

/// The variable in which the tests find the driver, and in which a user may name one of their own.
pub(crate) const VARIABLE: &str = "TENANTRY_TEST_CHROMEDRIVER";

/// Debian's name for the driver, and that of everyone else.
const PROGRAM: &str = "chromedriver";

/// The driver for the tests, which finds the browser: the user's own where the variable names one, else that of the path.
///
/// # Errors
/// Raised when it is missing and can't be installed.
pub(crate) fn driver() -> Result<String, String> {
    #[expect(clippy::disallowed_methods, reason = "a command for developers has no settings but this one")]
    if let Ok(own) = std::env::var(VARIABLE) {
        return Ok(own);
    }
    if !is_installed(PROGRAM) {
        // The package brings the browser.
        install("chromium-driver", "Chromium with its driver, for the tests of the admin's pages,")?;
    }
    Ok(PROGRAM.to_owned())
}
