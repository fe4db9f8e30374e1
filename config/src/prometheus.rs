use crate::SecretText;
use crate::group::Group;
use crate::problem::Problem;
use crate::value;

/// Where metrics are served: the group `prometheus`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prometheus {
    /// `port`, or `prometheus_port` at the top. 0 or absent: no metrics are served.
    pub port: Option<u16>,
    /// `username` and `password`: who may read them. Absent: everybody who reaches the port.
    pub login: Option<PrometheusLogin>,
}

/// Who may read metrics (HTTP basic authentication).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: SecretText,
}

impl Prometheus {
    pub(crate) fn read(root: &mut Group<'_>) -> Self {
        let old = root.get("prometheus_port", value::port_or_off).flatten();
        root.group("prometheus", |group| {
            let port = group.get("port", value::port_or_off).flatten();
            let username = group.get("username", value::text);
            let password = group.get_secret("password");
            let login = match (username, password) {
                (Some(username), Some(password)) => Some(PrometheusLogin {
                    username,
                    password: password.into(),
                }),
                (None, None) => None,
                (Some(_), None) => {
                    group.fault("username", None, lonely("password"));
                    None
                }
                (None, Some(_)) => {
                    group.fault("password", None, lonely("username"));
                    None
                }
            };
            Self {
                port: port.or(old),
                login,
            }
        })
    }
}

fn lonely(other: &str) -> Problem {
    Problem::new(
        format!("is given without `prometheus.{other}`, so that metrics would be open to all"),
        format!("write `prometheus.{other}` too, or neither"),
    )
}
