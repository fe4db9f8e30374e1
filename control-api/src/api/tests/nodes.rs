//! Nodes that share a database.

use super::*;

/// Starts two nodes with one database.
async fn two(database: Database) -> (Node, Node) {
    let url = database.url.clone();
    let first = Node::start(database).await;
    let store = Store::open(&url).unwrap();
    let second = Node::with_store(store, databases::sqlite()).await;
    second.bans.load().await.unwrap();
    (first, second)
}

#[tokio::test]
async fn a_ban_of_one_node_holds_on_the_other_until_it_is_lifted_on_either() {
    for database in databases().await {
        let (first, second) = two(database).await;
        let ban = first
            .ban(json!({"identity": "mallory", "reason": "spam"}))
            .await;
        second.bans.follow().await.unwrap();
        let reason = second.refusal("lobby", "mallory").await;
        assert_eq!(reason.as_deref(), Some("banned: spam"));

        let path = format!("/api/v1/bans/{}", ban["id"].as_str().unwrap());
        second.call("DELETE", &path, &NONE).await;
        first.bans.follow().await.unwrap();
        assert_eq!(first.refusal("lobby", "mallory").await, None);
        second.bans.follow().await.unwrap();
        assert_eq!(second.refusal("lobby", "mallory").await, None);
    }
}

#[tokio::test]
async fn more_bans_than_are_read_at_a_time_are_all_heard_of() {
    for database in databases().await {
        let (first, second) = two(database).await;
        let many = store::MAX_CHANGES + 7;
        for number in 0..many {
            let ban = Ban {
                id: format!("BN_{number}"),
                target: BanTarget::Token(number.to_string()),
                reason: String::new(),
                author: "ops".to_owned(),
                created_at: crate::clock::now(),
                expires_at: None,
                lifted: None,
            };
            let audit = crate::bans::ban_audit(&ban);
            first.bans.store().add_ban(&ban, &audit).await.unwrap();
        }
        second.bans.follow().await.unwrap();
        assert_eq!(second.list.len(), many);
    }
}

#[tokio::test]
async fn bans_that_are_added_at_a_time_by_several_are_all_heard_of() {
    for database in databases().await {
        let (first, second) = two(database).await;
        let adding = (0..40).map(|number| {
            let node = if number % 2 == 0 { &first } else { &second };
            node.ban(json!({"identity": format!("user{number}")}))
        });
        let adding = futures_util::future::join_all(adding);
        let mut adding = std::pin::pin!(adding);
        // While they are added it is looked again and again: a number that was seen hides no lower one.
        loop {
            tokio::select! {
                _ = &mut adding => break,
                followed = second.bans.follow() => followed.unwrap(),
            }
        }
        first.bans.follow().await.unwrap();
        second.bans.follow().await.unwrap();
        assert_eq!((first.list.len(), second.list.len()), (40, 40));
    }
}

#[tokio::test]
async fn a_ban_whose_row_cannot_be_read_hides_no_other() {
    for database in databases().await {
        let (first, second) = two(database).await;
        first.ban(json!({"address": "192.0.2.0/24"})).await;
        databases::execute(&first.database, "UPDATE bans SET subject = 'everywhere'").await;
        first.ban(json!({"identity": "mallory"})).await;
        second.bans.follow().await.unwrap();
        assert_eq!(second.refusal("lobby", "mallory").await.unwrap(), "banned");
    }
}

#[tokio::test]
async fn a_ban_that_is_repeated_while_it_waits_for_the_database_is_one() {
    let store = Store::open("postgres://nobody@127.0.0.1:9/none").unwrap();
    let node = Node::with_store(store, databases::sqlite()).await;
    let ban = json!({"identity": "mallory", "reason": "spam", "expires_in_seconds": 60});
    for _ in 0..2 {
        let (status, _) = node.call("POST", "/api/v1/bans", &ban).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(node.bans.counts().unsaved, 1);
    assert_eq!(node.list.len(), 1);
    for other in [
        json!({"identity": "mallory", "reason": "spam", "expires_in_seconds": 61}),
        json!({"identity": "mallory", "reason": "ham", "expires_in_seconds": 60}),
        json!({"identity": "mallory", "reason": "spam"}),
    ] {
        node.call("POST", "/api/v1/bans", &other).await;
    }
    assert_eq!(node.bans.counts().unsaved, 4);
}
