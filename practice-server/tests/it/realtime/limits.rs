//! Bounds and their counters: slow, silent and misbehaving clients, and the server's own end.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{ALICE, API_KEY, Server, join, session_bindings, session_update, user_token};

#[tokio::test]
async fn a_slow_consumer_is_disconnected_and_nobody_waits_for_it() {
    let server =
        Server::with(|config| config.queue_frames_max = NonZeroUsize::new(4).expect("four is not zero"))
            .await;
    let mut slow = server
        .subscribed("realtime:slow", ALICE, session_bindings())
        .await;
    let mut fast = server
        .subscribed("realtime:fast", ALICE, session_bindings())
        .await;
    let mut large = session_update("ready");
    large
        .record
        .as_mut()
        .unwrap()
        .insert("transcript".to_owned(), "x".repeat(500_000).into());
    // The slow client's socket buffers take some megabytes before the queue begins to fill.
    let mut published = 0;
    while server.hub.metrics().slow_consumers_dropped == 0 {
        server.hub.publish(std::slice::from_ref(&large));
        published += 1;
        assert_eq!(fast.receive().await[3], "postgres_changes");
        assert!(published < 1_000, "the slow consumer was never dropped");
    }
    slow.closed().await;
    server.hub.publish(&[session_update("completed")]);
    assert_eq!(fast.receive().await[4]["data"]["record"]["status"], "completed");
    assert_eq!(server.hub.metrics().slow_consumers_dropped, 1);
    assert_eq!(server.hub.metrics().subscriptions_live, 2);
}

#[tokio::test]
async fn a_client_that_takes_no_frame_within_the_write_timeout_is_disconnected() {
    let server = Server::with(|config| config.write_timeout = Duration::from_millis(50)).await;
    let mut stuck = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    let mut large = session_update("ready");
    large
        .record
        .as_mut()
        .unwrap()
        .insert("transcript".to_owned(), "x".repeat(900_000).into());
    // Far more than the socket buffers take, and fewer frames than the queue does.
    server.hub.publish(&vec![large; 64]);
    let mut watch = server.hub.metrics();
    while watch.slow_consumers_dropped == 0 {
        tokio::task::yield_now().await;
        watch = server.hub.metrics();
    }
    stuck.closed().await;
}

#[tokio::test]
async fn malformed_frames_are_dropped_and_counted_and_the_socket_stays_open() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    for malformed in [
        "not JSON",
        "{}",
        r#"["1","1","realtime:room1","phx_join"]"#,
        "[null,null,null,null,null]",
    ] {
        client.send_text(malformed).await;
    }
    client.send_binary(vec![3, 0]).await;
    client.send(&json!([null, "9", "phoenix", "heartbeat", {}])).await;
    assert_eq!(client.receive().await[1], "9");
    assert_eq!(server.hub.metrics().malformed_frames, 5);
}

#[tokio::test]
async fn a_message_over_one_mebibyte_ends_the_connection() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    // The server may close before it has read everything, so the write may fail as well.
    let _ = client
        .socket
        .send(Message::text("x".repeat(1024 * 1024 + 1)))
        .await;
    client.closed().await;
    assert_eq!(server.hub.metrics().sockets_broken, 1);
}

#[tokio::test]
async fn a_silent_socket_is_closed() {
    let server = Server::with(|config| config.idle_timeout = Duration::from_millis(50)).await;
    let mut client = server.client("2.0.0").await;
    let close = client.closed().await.unwrap();
    assert_eq!(close.code, CloseCode::Normal);
    assert_eq!(close.reason.as_str(), "idle timeout");
    assert_eq!(server.hub.metrics().idle_closed, 1);
}

#[tokio::test]
async fn a_socket_joins_a_hundred_channels_at_most() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    for number in 0..100 {
        client
            .send(&json!(["6", "6", format!("realtime:{number}"), "phx_join", {}]))
            .await;
        assert_eq!(client.receive().await[4]["status"], "ok");
    }
    client
        .send(&json!(["6", "6", "realtime:100", "phx_join", {}]))
        .await;
    let reason = "ChannelRateLimitReached: a socket may join 100 channels";
    assert_eq!(client.receive().await[4]["response"]["reason"], reason);
    client
        .send(&json!(["7", "7", "realtime:0", "phx_join", {}]))
        .await;
    assert_eq!(
        client.receive().await[3],
        "phx_close",
        "a rejoin needs no further place"
    );
}

#[tokio::test]
async fn a_vanished_client_leaves_nothing_behind() {
    let server = Server::start().await;
    let client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    assert_eq!(server.hub.metrics().sockets_open, 1);
    drop(client);
    while server.hub.metrics().sockets_open > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.hub.metrics().subscriptions_live, 0);
}

#[tokio::test]
async fn close_all_says_goodbye_and_takes_no_more_sockets() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    client
        .send(&join(
            "realtime:room1",
            &session_bindings(),
            Some(&user_token(ALICE)),
        ))
        .await;
    client.receive().await;
    client.receive().await;
    let hub = server.hub.clone();
    let closing = tokio::spawn(async move { hub.close_all().await });
    let close = client.closed().await.unwrap();
    assert_eq!(close.code, CloseCode::Away);
    closing.await.unwrap();
    assert_eq!(server.hub.metrics().sockets_open, 0);
    let again = server
        .connect(&format!("/realtime/v1/websocket?apikey={API_KEY}"))
        .await;
    let Err(Error::Http(answer)) = again else {
        panic!("the handshake was not refused")
    };
    assert_eq!(answer.status(), 503);
}
