//! Sessions: who is signed in by which token, for how long, and where not.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::columns::{Ground, in_every_column};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use tempfile::TempDir;
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_web::auth::people::{NewSuperuser, User, create_superuser, set_password};
use tenantry_web::auth::session::{self, BeginError, IDLE, LIFETIME, Session};
use tenantry_web::auth::{HashPolicy, Hasher, NewPassword, Password, Token};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn doors(ground: &Ground) -> (TempDir, TenantDb, TenantDb) {
    let folder = tempfile::tempdir().unwrap();
    let instance = common::instance(&folder, ground).await;
    let door = |slug: &str| {
        let record = instance.directory().record(&slug.parse().unwrap()).unwrap();
        instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap()
    };
    let (acme, globex) = (door("acme"), door("globex"));
    (folder, acme, globex)
}

fn password(text: &str) -> NewPassword {
    NewPassword::unchecked(Password::from(text.to_owned()))
}

async fn user(db: &TenantDb, name: &str) -> User {
    let new = NewSuperuser {
        username: name.parse().unwrap(),
        email: "".parse().unwrap(),
        password: Some(password("Tenant-pass-1")),
    };
    create_superuser(db, &Hasher::default(), HashPolicy::Own, new).await.unwrap()
}

async fn stored_id(db: &TenantDb, user: &User) -> tenantry_db::model::Auto<i64> {
    db.query::<User>().filter(User::USERNAME.eq(user.username.as_str())).one().await.unwrap().id
}

async fn is_signed_in(db: &TenantDb, token: &Token) -> bool {
    session::load(db, token).await.unwrap().is_some()
}

async fn rows(db: &TenantDb) -> u64 {
    db.query::<Session>().count().await.unwrap()
}

/// Moves a session into the past: signed in and last used so long ago.
async fn age(db: &TenantDb, session: &Session, created: SignedDuration, used: SignedDuration) {
    let now = Timestamp::now();
    let aged = Session {
        created: now - created,
        expires: now - created + LIFETIME,
        last_seen: now - used,
        ..session.clone()
    };
    db.update(&aged).await.unwrap();
}

in_every_column!(
    a_session_holds_its_user_and_no_token,
    no_other_token_and_no_other_tenant_know_the_session,
    a_session_ends_when_it_was_idle_or_is_old,
    use_is_noted_down_now_and_then_and_prolongs_nothing_beyond_the_limit,
    a_new_password_ends_every_session,
    signing_in_again_ends_the_session_that_the_browser_had_and_no_other,
    a_user_who_is_inactive_or_gone_is_not_signed_in_even_once_active_again,
    signing_out_ends_one_session_and_may_be_done_twice,
    sessions_that_are_over_go_a_few_at_a_time_when_others_begin,
    a_user_that_is_not_stored_gets_no_session,
);

async fn a_session_holds_its_user_and_no_token(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let (token, session) = session::begin(&acme, &ada).await.unwrap();
    let signed_in = session::load(&acme, &token).await.unwrap().unwrap();
    assert_eq!((&signed_in.user, &signed_in.session), (&ada, &session));
    assert_eq!(session.key_hash, token.hash().to_string());
    assert_eq!(session.expires.duration_since(session.created), LIFETIME);

    let row = acme.raw("SELECT * FROM tenantry_session", vec![]).await.unwrap();
    assert!(!format!("{row:?}").contains(&token.reveal()));
    assert!(!format!("{row:?}").contains(ada.password.as_str()));
}

async fn no_other_token_and_no_other_tenant_know_the_session(ground: Ground) {
    let (_folder, acme, globex) = doors(&ground).await;
    let (ada, namesake) = (user(&acme, "ada").await, user(&globex, "ada").await);
    // Where tables are shared, so are the sequences.
    let sql = format!("UPDATE auth_user SET id = {}", ada.id.get().unwrap());
    globex.raw_execute(sql, vec![]).await.unwrap();
    assert_eq!(stored_id(&globex, &namesake).await, ada.id);
    let (token, session) = session::begin(&acme, &ada).await.unwrap();
    assert!(!is_signed_in(&globex, &token).await);
    assert!(!is_signed_in(&acme, &Token::generate().unwrap()).await);
    assert!(session.key_hash.parse::<Token>().is_err(), "what is stored is no token");
    assert!(is_signed_in(&acme, &token).await);
}

async fn a_session_ends_when_it_was_idle_or_is_old(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let table = [
        (LIFETIME - MINUTE, MINUTE, true),
        (LIFETIME + MINUTE, MINUTE, false),
        (IDLE, IDLE - MINUTE, true),
        (IDLE + MINUTE, IDLE + MINUTE, false),
    ];
    for (created, used, good) in table {
        let (token, session) = session::begin(&acme, &ada).await.unwrap();
        age(&acme, &session, created, used).await;
        assert_eq!(is_signed_in(&acme, &token).await, good, "{created} {used}");
        let kept = acme.find::<Session>(session.key_hash.as_str()).await.unwrap();
        assert_eq!(kept.is_some(), good, "{created} {used}");
    }
}

async fn use_is_noted_down_now_and_then_and_prolongs_nothing_beyond_the_limit(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let (token, session) = session::begin(&acme, &ada).await.unwrap();
    for (used, noted) in [(MINUTE * 5, false), (MINUTE * 15, true)] {
        age(&acme, &session, MINUTE * 60, used).await;
        let before = acme.find::<Session>(session.key_hash.as_str()).await.unwrap().unwrap();
        assert!(is_signed_in(&acme, &token).await);
        let after = acme.find::<Session>(session.key_hash.as_str()).await.unwrap().unwrap();
        assert_eq!(after.last_seen > before.last_seen, noted, "{used}");
        assert_eq!(Session { last_seen: before.last_seen, ..after }, before);
    }
}

async fn a_new_password_ends_every_session(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let (mut ada, bob) = (user(&acme, "ada").await, user(&acme, "bob").await);
    let (one, _) = session::begin(&acme, &ada).await.unwrap();
    let (other, _) = session::begin(&acme, &ada).await.unwrap();
    let (bobs, _) = session::begin(&acme, &bob).await.unwrap();
    let fresh = password("Tenant-pass-2");
    set_password(&acme, &Hasher::default(), HashPolicy::Own, &mut ada, &fresh).await.unwrap();
    assert!(!is_signed_in(&acme, &one).await && !is_signed_in(&acme, &other).await);
    assert!(is_signed_in(&acme, &bobs).await);
    let (again, _) = session::begin(&acme, &ada).await.unwrap();
    assert!(is_signed_in(&acme, &again).await);
}

async fn signing_in_again_ends_the_session_that_the_browser_had_and_no_other(ground: Ground) {
    let site =
        common::start_on(ground, common::Setup { app: common::admin(), ..common::Setup::default() }).await;
    let record = site.instance.directory().record(&"acme".parse().unwrap()).unwrap();
    let acme = site.instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap();
    user(&acme, "ada").await;
    let sign_in = async |cookie: &str| {
        let request = site.request(Method::POST, "acme.example", "/admin/login/");
        let request = request.header("sec-fetch-site", "same-origin").header("cookie", cookie);
        let form = [("username", "ada"), ("password", "Tenant-pass-1")];
        let answer = request.form(&form).send().await.unwrap();
        let cookies = answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let session = cookies.filter_map(|cookie| cookie.split(';').next());
        session.into_iter().find(|pair| pair.starts_with("sessionid=")).unwrap().to_owned()
    };
    let index = async |cookie: &str| {
        let request = site.request(Method::GET, "acme.example", "/admin/").header("cookie", cookie);
        request.send().await.unwrap().status().as_u16()
    };
    let (elsewhere, first) = (sign_in("").await, sign_in("").await);
    assert_eq!((index(&elsewhere).await, index(&first).await), (200, 200));
    let second = sign_in(&first).await;
    assert_eq!((index(&elsewhere).await, index(&first).await, index(&second).await), (200, 302, 200));
    assert_eq!(rows(&acme).await, 2);
}

async fn a_user_who_is_inactive_or_gone_is_not_signed_in_even_once_active_again(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let (token, _) = session::begin(&acme, &ada).await.unwrap();
    acme.update(&User { is_active: false, ..ada.clone() }).await.unwrap();
    assert!(!is_signed_in(&acme, &token).await);
    acme.update(&ada).await.unwrap();
    assert!(!is_signed_in(&acme, &token).await);

    let (token, _) = session::begin(&acme, &ada).await.unwrap();
    acme.delete::<User>(ada.id.get().unwrap()).await.unwrap();
    assert_eq!(rows(&acme).await, 0, "sessions go with their user");
    assert!(!is_signed_in(&acme, &token).await);
}

async fn signing_out_ends_one_session_and_may_be_done_twice(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let (token, _) = session::begin(&acme, &ada).await.unwrap();
    let (other, _) = session::begin(&acme, &ada).await.unwrap();
    session::end(&acme, &token).await.unwrap();
    session::end(&acme, &token).await.unwrap();
    assert!(!is_signed_in(&acme, &token).await);
    assert!(is_signed_in(&acme, &other).await);
}

async fn sessions_that_are_over_go_a_few_at_a_time_when_others_begin(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let (live, session) = session::begin(&acme, &ada).await.unwrap();
    age(&acme, &session, LIFETIME - MINUTE, MINUTE).await;
    let mut over = Vec::new();
    for _ in 0..25 {
        over.push(session::begin(&acme, &ada).await.unwrap().1);
    }
    for session in &over {
        age(&acme, session, LIFETIME + MINUTE, LIFETIME).await;
    }
    // Each brings one and takes up to ten.
    for left in [1 + 15 + 1, 1 + 5 + 2, 1 + 3, 1 + 4] {
        session::begin(&acme, &ada).await.unwrap();
        assert_eq!(rows(&acme).await, left);
    }
    assert!(is_signed_in(&acme, &live).await);
}

async fn a_user_that_is_not_stored_gets_no_session(ground: Ground) {
    let (_folder, acme, _) = doors(&ground).await;
    let ada = user(&acme, "ada").await;
    let unsaved = User { id: tenantry_db::model::Auto::unset(), ..ada };
    assert!(matches!(session::begin(&acme, &unsaved).await, Err(BeginError::Unsaved)));
    assert_eq!(rows(&acme).await, 0);
}
