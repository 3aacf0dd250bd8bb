//! Where someone goes after signing in: a path of the same host, and nothing else.

use crate::http::MountPath;

/// A path of the same host. What was asked for and is none becomes `/admin/`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next(String);

impl Next {
    /// A path begins with one slash: `//` and `/\` would be another host to a browser, and so would a control
    /// character that browsers drop between two slashes.
    pub(super) fn of(asked: &str) -> Self {
        let path = asked.starts_with('/') && !asked.starts_with("//");
        let plain = asked.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        Self(if path && plain { asked } else { "/admin/" }.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn under(&self, mount: &MountPath) -> String {
        format!("{}{}", mount.as_str(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_host_are_gone_to() {
        for path in ["/", "/admin/", "/admin/auth/user/?q=a&p=1", "/a//b"] {
            assert_eq!(Next::of(path).as_str(), path);
        }
        for other in [
            "",
            "admin/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=1",
            "/ä",
        ] {
            assert_eq!(Next::of(other).as_str(), "/admin/", "{other:?}");
        }
    }
}
