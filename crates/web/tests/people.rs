//! A tenant's people: made, signed in, refused, permitted.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::columns::{Ground, in_every_column};
use jiff::Timestamp;
use tempfile::TempDir;
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::model::Auto;
use tenantry_web::auth::people::{
    ContentType, CreateUserError, Group, GroupPermission, NewSuperuser, Permission, SetPasswordError,
    SignInError, User, UserGroup, UserPermission, authenticate, create_superuser, has_perm, hash_policy,
    set_password,
};
use tenantry_web::auth::{HashPolicy, Hasher, NewPassword, Password, PasswordHash};

/// As Django 4.1 stores `Tenant-pass-1`.
const DJANGO: &str =
    "pbkdf2_sha256$390000$M5X73AGDa9mUMwvDlYlJDv$EKwg5UD/P79saBiPgMqBnWsfJhiyPjuPMtPhF9x78vU=";

/// The doors of two tenants in one folder.
struct Doors {
    acme: TenantDb,
    globex: TenantDb,
    _folder: TempDir,
}

async fn doors(ground: &Ground) -> Doors {
    let folder = tempfile::tempdir().unwrap();
    let instance = common::instance(&folder, ground).await;
    let door = |slug: &str| {
        let record = instance.directory().record(&slug.parse().unwrap()).unwrap();
        instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap()
    };
    Doors { acme: door("acme"), globex: door("globex"), _folder: folder }
}

fn typed(text: &str) -> Password {
    Password::from(text.to_owned())
}

fn new(username: &str, password: Option<&str>) -> NewSuperuser {
    NewSuperuser {
        username: username.parse().unwrap(),
        email: "Ada@Example.COM".parse().unwrap(),
        password: password.map(|text| NewPassword::unchecked(typed(text))),
    }
}

async fn create(db: &TenantDb, username: &str, password: &str) -> User {
    create_superuser(db, &Hasher::default(), HashPolicy::Own, new(username, Some(password))).await.unwrap()
}

async fn plain_user(db: &TenantDb, username: &str, password: &str) -> User {
    let user = create(db, username, password).await;
    let user = User { is_superuser: false, is_staff: false, ..user };
    db.update(&user).await.unwrap();
    user
}

async fn sign_in(db: &TenantDb, username: &str, password: &str) -> Result<User, SignInError> {
    authenticate(db, &Hasher::default(), HashPolicy::Own, username, &typed(password)).await
}

async fn stored(db: &TenantDb, user: &User) -> User {
    db.find::<User>(user.id.get().unwrap()).await.unwrap().unwrap()
}

in_every_column!(
    a_superuser_is_made_once_and_in_one_tenant,
    of_two_who_take_a_name_at_once_one_gets_it,
    a_superuser_without_a_password_can_t_sign_in_until_there_is_one,
    signing_in_notes_the_time_and_nothing_else,
    whoever_is_refused_costs_and_hears_the_same_and_changes_nothing,
    a_name_is_found_in_whatever_way_it_is_encoded,
    django_s_hash_is_upgraded_only_where_the_policy_allows_it,
    a_password_that_is_changed_meanwhile_is_not_brought_back_by_an_upgrade,
    a_password_is_set_for_one_user_and_for_none_that_is_gone,
    a_permission_comes_in_person_or_by_group_and_reaches_no_further,
    a_superuser_may_everything_and_an_inactive_user_nothing,
);

async fn a_superuser_is_made_once_and_in_one_tenant(ground: Ground) {
    let Doors { acme, globex, _folder } = doors(&ground).await;
    let ada = create(&acme, "ada", "Tenant-pass-1").await;
    assert!(ada.is_superuser && ada.is_staff && ada.is_active);
    assert_eq!((ada.username.as_str(), ada.email.as_str(), ada.last_login), ("ada", "Ada@example.com", None));
    assert!(ada.password.as_str().starts_with("argon2$argon2id$"));
    assert_eq!(stored(&acme, &ada).await, ada);
    assert!(!format!("{ada:?}").contains("argon2"), "no hash is formatted");

    let again = create_superuser(&acme, &Hasher::default(), HashPolicy::Own, new("ada", Some("other"))).await;
    assert_eq!(again.unwrap_err().to_string(), "the username ada is taken");
    assert_eq!(acme.query::<User>().count().await.unwrap(), 1);
    assert_eq!(stored(&acme, &ada).await, ada);
    assert_eq!(globex.query::<User>().count().await.unwrap(), 0);
    assert!(matches!(sign_in(&globex, "ada", "Tenant-pass-1").await, Err(SignInError::Refused)));
}

async fn of_two_who_take_a_name_at_once_one_gets_it(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let hasher = Hasher::default();
    let make = |password| create_superuser(&acme, &hasher, HashPolicy::Own, new("ada", Some(password)));
    let (one, other) = tokio::join!(make("one-pass-1"), make("other-pass-1"));
    let refused = [&one, &other].into_iter().filter(|made| matches!(made, Err(CreateUserError::Taken(_))));
    assert_eq!((one.is_ok() != other.is_ok(), refused.count()), (true, 1));
    assert_eq!(acme.query::<User>().count().await.unwrap(), 1);
}

async fn a_superuser_without_a_password_can_t_sign_in_until_there_is_one(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let hasher = Hasher::default();
    let mut ada = create_superuser(&acme, &hasher, HashPolicy::Own, new("ada", None)).await.unwrap();
    assert!(!ada.password.is_usable());
    for password in ["", "!", ada.password.as_str()] {
        assert!(matches!(sign_in(&acme, "ada", password).await, Err(SignInError::Refused)), "{password}");
    }
    let password = NewPassword::checked(typed("Tenant-pass-1"), &ada.attributes()).unwrap();
    set_password(&acme, &hasher, HashPolicy::Own, &mut ada, &password).await.unwrap();
    assert_eq!(sign_in(&acme, "ada", "Tenant-pass-1").await.unwrap().id, ada.id);
}

async fn signing_in_notes_the_time_and_nothing_else(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let ada = create(&acme, "ada", "Tenant-pass-1").await;
    let other = create(&acme, "bob", "Tenant-pass-2").await;
    let before = Timestamp::now();
    let signed_in = sign_in(&acme, "ada", "Tenant-pass-1").await.unwrap();
    assert!(signed_in.last_login.unwrap() >= before);
    let kept = stored(&acme, &ada).await;
    assert!(kept.last_login.is_some());
    assert_eq!(User { last_login: None, ..kept }, ada);
    assert_eq!(stored(&acme, &other).await, other);
}

async fn whoever_is_refused_costs_and_hears_the_same_and_changes_nothing(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let ada = create(&acme, "ada", "Tenant-pass-1").await;
    let gone = User { is_active: false, ..create(&acme, "gone", "Tenant-pass-1").await };
    acme.update(&gone).await.unwrap();
    let long = "a".repeat(100_000);
    let refused = [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", "tenant-pass-1"),
        ("ada", "Tenant-pass-1 "),
        ("ADA", "Tenant-pass-1"),
        ("gone", "Tenant-pass-1"),
        ("gone", "wrong"),
        ("nobody", "Tenant-pass-1"),
        ("", ""),
        ("a\0da", "Tenant-pass-1"),
        ("' OR 1=1 --", "Tenant-pass-1"),
        (&long, "Tenant-pass-1"),
    ];
    for (username, password) in refused {
        let hasher = Hasher::default();
        let answer = authenticate(&acme, &hasher, HashPolicy::Own, username, &typed(password)).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, SignInError::Refused), "{username:.20} {password}");
        assert_eq!(error.to_string(), "the username or the password is wrong");
        assert_eq!(hasher.calls(), 1, "{username:.20} {password}");
    }
    assert_eq!(stored(&acme, &ada).await, ada);
    assert_eq!(stored(&acme, &gone).await, gone);
}

async fn a_name_is_found_in_whatever_way_it_is_encoded(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let eva = create(&acme, "éva", "Tenant-pass-1").await;
    for spelling in ["éva", "e\u{301}va", "é\u{ff56}a"] {
        assert_eq!(sign_in(&acme, spelling, "Tenant-pass-1").await.unwrap().id, eva.id, "{spelling}");
    }
}

async fn django_s_hash_is_upgraded_only_where_the_policy_allows_it(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let ada = create(&acme, "ada", "other").await;
    let policies = [(HashPolicy::Own, true), (HashPolicy::Adopted, false), (HashPolicy::Upgrading, true)];
    for (policy, upgraded) in policies {
        let from_django = User { password: PasswordHash::from(DJANGO.to_owned()), ..ada.clone() };
        acme.update(&from_django).await.unwrap();
        let hasher = Hasher::default();
        for wrong in ["tenant-pass-1", "other"] {
            assert!(authenticate(&acme, &hasher, policy, "ada", &typed(wrong)).await.is_err());
            assert_eq!(stored(&acme, &ada).await.password.as_str(), DJANGO, "{policy:?}");
        }
        let signed_in = authenticate(&acme, &hasher, policy, "ada", &typed("Tenant-pass-1")).await.unwrap();
        let hash = stored(&acme, &ada).await.password;
        assert_eq!(signed_in.password, hash);
        assert_eq!(hash.as_str() != DJANGO, upgraded, "{policy:?}");
        assert_eq!(hash.as_str().starts_with("argon2$argon2id$"), upgraded, "{policy:?}");
        authenticate(&acme, &hasher, policy, "ada", &typed("Tenant-pass-1")).await.unwrap();
        assert_eq!(stored(&acme, &ada).await.password, hash, "once is enough");
    }
}

async fn a_password_that_is_changed_meanwhile_is_not_brought_back_by_an_upgrade(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let ada = create(&acme, "ada", "other").await;
    for _ in 0..8 {
        let from_django = User { password: PasswordHash::from(DJANGO.to_owned()), ..ada.clone() };
        acme.update(&from_django).await.unwrap();
        let hasher = Hasher::default();
        let old = typed("Tenant-pass-1");
        let mut changing = ada.clone();
        let fresh = NewPassword::unchecked(typed("Tenant-pass-2"));
        let (_, set) = tokio::join!(
            authenticate(&acme, &hasher, HashPolicy::Own, "ada", &old),
            set_password(&acme, &hasher, HashPolicy::Own, &mut changing, &fresh),
        );
        set.unwrap();
        assert!(sign_in(&acme, "ada", "Tenant-pass-1").await.is_err(), "the old password is over");
        assert!(sign_in(&acme, "ada", "Tenant-pass-2").await.is_ok());
    }
}

async fn a_password_is_set_for_one_user_and_for_none_that_is_gone(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let hasher = Hasher::default();
    let mut ada = create(&acme, "ada", "Tenant-pass-1").await;
    let bob = create(&acme, "bob", "Tenant-pass-1").await;
    let fresh = NewPassword::unchecked(typed("Tenant-pass-2"));
    set_password(&acme, &hasher, HashPolicy::Adopted, &mut ada, &fresh).await.unwrap();
    assert!(ada.password.as_str().starts_with("pbkdf2_sha256$390000$"), "as Django reads it");
    assert_eq!(stored(&acme, &ada).await, ada);
    assert_eq!(stored(&acme, &bob).await, bob);

    let old = ada.password.clone();
    acme.delete::<User>(ada.id.get().unwrap()).await.unwrap();
    let gone = set_password(&acme, &hasher, HashPolicy::Own, &mut ada, &fresh).await;
    assert!(matches!(gone, Err(SetPasswordError::NoSuchUser)));
    assert_eq!(ada.password, old);
}

/// What the ledger says, whose form is SQLite's here. Where it may not be written to, nothing is adopted.
#[tokio::test]
async fn the_policy_follows_from_where_the_data_comes_from() {
    let Doors { acme, globex, _folder } = doors(&Ground::files()).await;
    let adopt = "UPDATE tenantry_migration SET adopted = 1 WHERE app = 'django'";
    assert_eq!(acme.raw_execute(adopt, vec![]).await.unwrap(), 1);
    assert_eq!(hash_policy(&acme, false).await.unwrap(), HashPolicy::Adopted);
    assert_eq!(hash_policy(&acme, true).await.unwrap(), HashPolicy::Upgrading);
    for upgrade in [false, true] {
        assert_eq!(hash_policy(&globex, upgrade).await.unwrap(), HashPolicy::Own);
    }
}

/// The key of a permission that every tenant has.
async fn key_of(db: &TenantDb, app: &str, codename: &str) -> i64 {
    let types = db.query::<ContentType>().filter(ContentType::APP_LABEL.eq(app)).all().await.unwrap();
    let types: Vec<i64> = types.iter().filter_map(|of| of.id.get()).collect();
    let named = db.query::<Permission>().filter(Permission::CODENAME.eq(codename));
    named.filter(Permission::CONTENT_TYPE_ID.in_(types)).one().await.unwrap().id.get().unwrap()
}

async fn may(db: &TenantDb, user: &User, permission: &str) -> bool {
    has_perm(db, user, &permission.parse().unwrap()).await.unwrap()
}

async fn a_permission_comes_in_person_or_by_group_and_reaches_no_further(ground: Ground) {
    let Doors { acme, globex, _folder } = doors(&ground).await;
    let ada = plain_user(&acme, "ada", "Tenant-pass-1").await;
    let bob = plain_user(&acme, "bob", "Tenant-pass-1").await;
    let (ada_id, bob_id) = (ada.id.get().unwrap(), bob.id.get().unwrap());
    assert!(!may(&acme, &ada, "auth.add_user").await);

    let permission_id = key_of(&acme, "auth", "add_user").await;
    acme.insert(UserPermission { id: Auto::unset(), user_id: ada_id, permission_id }).await.unwrap();
    let group = acme.insert(Group { id: Auto::unset(), name: "staff".to_owned() }).await.unwrap();
    let (group_id, permission_id) = (group.id.get().unwrap(), key_of(&acme, "auth", "view_group").await);
    acme.insert(GroupPermission { id: Auto::unset(), group_id, permission_id }).await.unwrap();
    assert!(!may(&acme, &bob, "auth.view_group").await, "bob is not in the group yet");
    acme.insert(UserGroup { id: Auto::unset(), user_id: bob_id, group_id }).await.unwrap();

    let granted = [("auth.add_user", true, false), ("auth.view_group", false, true)];
    let denied = ["auth.delete_user", "auth.add_group", "admin.add_user", "auth.ADD_USER", "auth.add_%"];
    for (permission, adas, bobs) in granted.into_iter().chain(denied.map(|name| (name, false, false))) {
        assert_eq!(may(&acme, &ada, permission).await, adas, "ada {permission}");
        assert_eq!(may(&acme, &bob, permission).await, bobs, "bob {permission}");
    }
    let namesake = plain_user(&globex, "ada", "Tenant-pass-1").await;
    // Where tables are shared, so are the sequences.
    let sql = format!("UPDATE auth_user SET id = {ada_id}");
    globex.raw_execute(sql, vec![]).await.unwrap();
    let namesake = User { id: ada.id, ..namesake };
    assert_eq!(namesake.id, ada.id, "the same key in another tenant");
    assert!(!may(&globex, &namesake, "auth.add_user").await);
}

async fn a_superuser_may_everything_and_an_inactive_user_nothing(ground: Ground) {
    let Doors { acme, _folder, .. } = doors(&ground).await;
    let ada = create(&acme, "ada", "Tenant-pass-1").await;
    for permission in ["auth.add_user", "nothing.such_thing"] {
        assert!(may(&acme, &ada, permission).await);
        assert!(!may(&acme, &User { is_active: false, ..ada.clone() }, permission).await);
    }
    let permission_id = key_of(&acme, "auth", "add_user").await;
    let user_id = ada.id.get().unwrap();
    acme.insert(UserPermission { id: Auto::unset(), user_id, permission_id }).await.unwrap();
    let inactive = User { is_superuser: false, is_active: false, ..ada };
    assert!(!may(&acme, &inactive, "auth.add_user").await, "not even what was granted in person");
}
