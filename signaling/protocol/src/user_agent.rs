//! What a browser says of itself in its `User-Agent` header.

use crate::proto::ClientInfo;

/// What a browser says of itself in its `User-Agent` header, as far as this server cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UserAgent<'a> {
    browser: &'static str,
    browser_version: &'a str,
    os: &'static str,
}

/// Tokens before which a version stands, and the browser that they mean. A browser names those
/// that it wants to be taken for as well, so the order decides.
const BROWSERS: [(&str, &str); 8] = [
    ("OBS-Studio/", "OBS Studio"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac OS X"),
    ("CrOS", "Chrome OS"),
    ("Linux", "Linux"),
];

impl<'a> UserAgent<'a> {
    fn read(header: &'a str) -> Self {
        let browser = BROWSERS.iter().find_map(|&(token, name)| {
            let (_, after) = header.split_once(token)?;
            let version = after.split([' ', ';', ')']).next().unwrap_or_default();
            Some((name, version))
        });
        let (browser, browser_version) = browser
            .filter(|&(name, _)| name != "Safari" || header.contains("Safari/"))
            .unwrap_or_default();
        let os = SYSTEMS
            .iter()
            .find(|(token, _)| header.contains(token))
            .map_or("", |&(_, name)| name);
        Self {
            browser,
            browser_version,
            os,
        }
    }
}

/// Fills in from the header what the client left out about its browser and system.
pub(crate) fn complete(info: &mut ClientInfo, header: &str) {
    let agent = UserAgent::read(header);
    if info.browser.is_empty() {
        info.browser = agent.browser.to_owned();
        info.browser_version = agent.browser_version.to_owned();
    }
    if info.os.is_empty() {
        info.os = agent.os.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> (&'static str, &str, &'static str) {
        let agent = UserAgent::read(header);
        (agent.browser, agent.browser_version, agent.os)
    }

    #[test]
    fn common_browsers_are_told_apart() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(read(chrome), ("Chrome", "140.0.0.0", "Linux"));
        let firefox = "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0";
        assert_eq!(read(firefox), ("Firefox", "130.0", "Android"));
        let safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.4 Safari/605.1.15";
        assert_eq!(read(safari), ("Safari", "18.4", "Mac OS X"));
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                    Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        assert_eq!(read(edge), ("Edge", "140.0.0.0", "Windows"));
    }

    #[test]
    fn an_unknown_agent_says_nothing() {
        assert_eq!(read("curl/8.0"), ("", "", ""));
        assert_eq!(read(""), ("", "", ""));
    }

    #[test]
    fn what_the_client_said_itself_stays() {
        let mut info = ClientInfo {
            browser: "Brave".to_owned(),
            ..ClientInfo::default()
        };
        complete(&mut info, "Mozilla/5.0 (X11; Linux) Chrome/140.0.0.0");
        assert_eq!(info.browser, "Brave");
        assert_eq!(info.browser_version, "");
        assert_eq!(info.os, "Linux");
    }
}
