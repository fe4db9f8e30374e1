//! What the store keeps, with each kind of database.

use std::time::Duration;

use databases::{Database, databases};
use sfu_model::UnixTime;
use store::{After, Audit, AuditFilter, Ban, BanFilter, BanTarget, Lifted, Store, StoreError};

fn at(seconds: u64) -> UnixTime {
    UnixTime(Duration::from_secs(seconds))
}

fn ban(id: &str, target: BanTarget, created: u64) -> Ban {
    Ban {
        id: id.to_owned(),
        target,
        reason: "100% spam'; DROP TABLE bans; --".to_owned(),
        author: "ops".to_owned(),
        created_at: at(created),
        expires_at: None,
        lifted: None,
    }
}

fn identity(name: &str) -> BanTarget {
    BanTarget::Identity {
        identity: name.into(),
        room: None,
    }
}

fn audit(id: &str, action: &str, seconds: u64) -> Audit {
    Audit {
        id: id.to_owned(),
        at: at(seconds),
        author: "ops".to_owned(),
        action: action.to_owned(),
        room: String::new(),
        subject: "BN_1".to_owned(),
        detail: "naïve 測試 \"quoted\"".to_owned(),
    }
}

/// Opens each kind of database with the tables of this version.
async fn stores() -> Vec<(Database, Store)> {
    let mut stores = Vec::new();
    for database in databases().await {
        let store = Store::open(&database.url).expect("the URL is good");
        store.prepare().await.expect("the database answers");
        stores.push((database, store));
    }
    stores
}

async fn loaded(store: &Store, now: u64) -> Vec<String> {
    let mut ids = Vec::new();
    store
        .load_bans(at(now), |ban| ids.push(ban.id))
        .await
        .expect("the database answers");
    ids.sort();
    ids
}

#[tokio::test]
async fn every_kind_of_ban_is_read_as_it_was_written() {
    let targets = [
        identity("mallory"),
        BanTarget::Identity {
            identity: "sinéad'; --".into(),
            room: Some("lobby".into()),
        },
        BanTarget::Tokens {
            identity: "bob".into(),
            room: Some("hall".into()),
            issued_before: at(77),
        },
        BanTarget::Address("192.0.2.0/24".parse().unwrap()),
        BanTarget::Address("2001:db8::/32".parse().unwrap()),
        BanTarget::Token("jti".to_owned()),
        BanTarget::Key("APIkey".into()),
    ];
    for (_database, store) in stores().await {
        for (number, target) in targets.iter().enumerate() {
            let id = format!("BN_{number}");
            let mut ban = ban(&id, target.clone(), 1000);
            ban.expires_at = Some(at(5000));
            let line = audit(&format!("AU_{number}"), "ban.add", 1000);
            let added = store.add_ban(&ban, &line).await.unwrap();
            assert_eq!(added, (ban.clone(), true));
            assert_eq!(store.ban(&id).await.unwrap(), Some(ban));
        }
        assert_eq!(loaded(&store, 4999).await.len(), targets.len());
        assert_eq!(loaded(&store, 5000).await.len(), 0);
    }
}

#[tokio::test]
async fn a_ban_is_added_once_and_lifted_once() {
    for (_database, store) in stores().await {
        let first = ban("BN_1", identity("mallory"), 1000);
        store
            .add_ban(&first, &audit("AU_1", "ban.add", 1000))
            .await
            .unwrap();
        let again = ban("BN_1", identity("bob"), 2000);
        let added = store
            .add_ban(&again, &audit("AU_2", "ban.add", 2000))
            .await
            .unwrap();
        assert_eq!(added, (first.clone(), false));

        let lifted = store
            .lift_ban("BN_1", &audit("AU_3", "ban.lift", 3000))
            .await
            .unwrap();
        let expected = Ban {
            lifted: Some(Lifted {
                at: at(3000),
                by: "ops".to_owned(),
            }),
            ..first
        };
        assert_eq!(lifted, Some(expected.clone()));
        let again = store
            .lift_ban("BN_1", &audit("AU_4", "ban.lift", 4000))
            .await
            .unwrap();
        assert_eq!(again, Some(expected));
        assert_eq!(
            store
                .lift_ban("BN_9", &audit("AU_5", "ban.lift", 4000))
                .await
                .unwrap(),
            None
        );
        assert!(loaded(&store, 1).await.is_empty());

        // Only what has changed something is in the audit.
        let filter = AuditFilter {
            limit: 10,
            ..AuditFilter::default()
        };
        let lines = store.audit(&filter).await.unwrap();
        let ids: Vec<_> = lines.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, ["AU_3", "AU_1"]);
        assert_eq!(lines.last(), Some(&audit("AU_1", "ban.add", 1000)));
    }
}

/// Adds 25 bans; every other one ends at 2000.
async fn add_users(store: &Store) {
    for number in 0..25 {
        let mut ban = ban(
            &format!("BN_{number:02}"),
            identity(&format!("user_{number}")),
            1000 + number / 2,
        );
        if number % 2 == 0 {
            ban.expires_at = Some(at(2000));
        }
        store
            .add_ban(&ban, &audit(&format!("AU_{number}"), "ban.add", 1000))
            .await
            .expect("the database answers");
    }
}

#[tokio::test]
async fn bans_are_listed_in_pages() {
    for (_database, store) in stores().await {
        add_users(&store).await;
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let filter = BanFilter {
                after: after.clone(),
                limit: 7,
                ..BanFilter::default()
            };
            let page = store.bans(&filter).await.unwrap();
            let Some(last) = page.last() else {
                break;
            };
            after = Some(After {
                at: last.created_at,
                id: last.id.clone(),
            });
            seen.extend(
                page.into_iter()
                    .map(|ban| (u64::MAX - ban.created_at.0.as_secs(), ban.id)),
            );
        }
        assert_eq!(seen.len(), 25);
        assert!(seen.is_sorted());
    }
}

#[tokio::test]
async fn bans_are_searched_by_what_they_say() {
    for (_database, store) in stores().await {
        add_users(&store).await;
        let count = async |filter: BanFilter| {
            let filter = BanFilter {
                limit: 1000,
                ..filter
            };
            store.bans(&filter).await.unwrap().len()
        };
        let holding_at = Some(at(2000));
        assert_eq!(
            count(BanFilter {
                holding_at,
                ..BanFilter::default()
            })
            .await,
            12
        );
        let subject = "user_7".to_owned();
        assert_eq!(
            count(BanFilter {
                subject,
                ..BanFilter::default()
            })
            .await,
            1
        );
        // What is searched for is no pattern.
        for (search, found) in [
            ("user_1", 11),
            ("user%", 0),
            ("_____", 0),
            ("100% spam'", 25),
            ("!", 0),
        ] {
            let search = search.to_owned();
            assert_eq!(
                count(BanFilter {
                    search: search.clone(),
                    ..BanFilter::default()
                })
                .await,
                found,
                "{search}"
            );
        }
    }
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    for (database, store) in stores().await {
        store.close().await;
        databases::execute(
            &database,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 9000, 'of tomorrow', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
        let store = Store::open(&database.url).unwrap();
        let refused = store.prepare().await.unwrap_err();
        assert!(matches!(refused, StoreError::Newer(9000)), "{refused}");
    }
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    for (database, store) in stores().await {
        let written = ban(
            "BN_1",
            BanTarget::Address("192.0.2.0/24".parse().unwrap()),
            1000,
        );
        store
            .add_ban(&written, &audit("AU_1", "ban.add", 1000))
            .await
            .unwrap();
        databases::execute(&database, "UPDATE bans SET subject = 'everywhere'").await;
        let refused = store.load_bans(at(1), |_| {}).await.unwrap_err();
        assert!(refused.to_string().contains("BN_1"), "{refused}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_says_so() {
    for url in [
        "postgres://nobody@127.0.0.1:9/none",
        "sqlite:///no/such/folder/x.db",
    ] {
        let store = Store::open(url).unwrap();
        let refused = store.prepare().await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    }
    for url in [
        "",
        "mysql://x",
        "sluice.db",
        "sqlite::memory:",
        "sqlite://x?mode=memory",
    ] {
        assert!(Store::open(url).is_err(), "{url}");
    }
}
