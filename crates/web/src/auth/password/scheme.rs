//! The schemes that a password is hashed by, and the text that each is stored as.

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use subtle::ConstantTimeEq;

use super::{HashError, Password, PasswordHash};
use crate::auth::random;

/// The two forms that new hashes are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashForm {
    /// Argon2id with 19 MiB, two passes and one lane: `argon2$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    Argon2id,
    /// PBKDF2 with HMAC-SHA-256 and as many rounds as Django 4.1 takes: `pbkdf2_sha256$390000$SALT$HASH`.
    Pbkdf2,
}

/// What a stored form that may be checked says: the scheme with its parameters, the salt and the hash.
#[derive(Debug)]
pub(super) enum Scheme {
    Argon2 { argon2: Argon2<'static>, salt: Vec<u8>, hash: Vec<u8> },
    Pbkdf2 { rounds: pbkdf2::Params, salt: Vec<u8>, hash: [u8; 32] },
}

/// How every hash begins that [`HashForm::Argon2id`] makes.
const ARGON2ID: &str = "argon2$argon2id$v=19$m=19456,t=2,p=1$";
/// What Django writes before the PHC string of an Argon2 hash.
const ARGON2_PREFIX: &str = "argon2";
const PBKDF2_PREFIX: &str = "pbkdf2_sha256$";
/// Django 4.1's number; on any other it would hash anew at the next sign-in.
const DJANGO_ROUNDS: pbkdf2::Params = match pbkdf2::Params::new(390_000) {
    Ok(rounds) => rounds,
    Err(_) => pbkdf2::Params::RECOMMENDED,
};

/// Who can write a stored form must not thereby occupy a processor for hours. These limits leave room for the defaults
/// of Django to come (102,400 KiB, 2 passes, 8 lanes; 1,500,000 rounds) and keep one check below some seconds.
const MAX_ARGON2_KIB: u32 = 128 * 1024;
const MAX_ARGON2_PASSES: u32 = 8;
const MAX_ARGON2_LANES: u32 = 16;
const MAX_PBKDF2_ROUNDS: u32 = 3_000_000;

impl HashForm {
    /// Hashes `password` with a new salt.
    pub(super) fn hash(self, password: &Password) -> Result<PasswordHash, HashError> {
        let salt: [u8; 16] = random::bytes()?;
        let stored = match self {
            Self::Argon2id => {
                let made = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
                format!("{ARGON2_PREFIX}{}", made.map_err(|_| HashError::Memory)?)
            }
            Self::Pbkdf2 => {
                let salt = BASE64URL_NOPAD.encode(&salt);
                let hash = pbkdf2(password, salt.as_bytes(), DJANGO_ROUNDS);
                format!("{PBKDF2_PREFIX}{}${salt}${}", DJANGO_ROUNDS.rounds(), BASE64.encode(&hash))
            }
        };
        Ok(PasswordHash::from(stored))
    }

    /// A scheme that takes the same work as a hash of this form, and that no password matches.
    pub(super) fn decoy(self) -> Scheme {
        match self {
            Self::Argon2id => {
                Scheme::Argon2 { argon2: Argon2::default(), salt: vec![0; 16], hash: vec![0; 32] }
            }
            Self::Pbkdf2 => Scheme::Pbkdf2 { rounds: DJANGO_ROUNDS, salt: vec![0; 22], hash: [0; 32] },
        }
    }
}

impl Scheme {
    /// What `stored` says, unless it is unusable, malformed, of another scheme or beyond the limits.
    pub(super) fn parse(stored: &str) -> Option<Self> {
        if stored.len() > PasswordHash::MAX_LENGTH {
            return None;
        }
        match stored.strip_prefix(PBKDF2_PREFIX) {
            Some(rest) => Self::parse_pbkdf2(rest),
            None => Self::parse_argon2(stored.strip_prefix(ARGON2_PREFIX)?),
        }
    }

    fn parse_pbkdf2(rest: &str) -> Option<Self> {
        let mut fields = rest.split('$');
        let (rounds, salt, hash) = (fields.next()?, fields.next()?, fields.next()?);
        let rounds = rounds.parse().ok().filter(|rounds| *rounds <= MAX_PBKDF2_ROUNDS)?;
        let rounds = pbkdf2::Params::new(rounds).ok()?;
        let hash = BASE64.decode(hash.as_bytes()).ok()?.try_into().ok()?;
        let whole = fields.next().is_none() && !salt.is_empty();
        whole.then(|| Self::Pbkdf2 { rounds, salt: salt.into(), hash })
    }

    fn parse_argon2(phc: &str) -> Option<Self> {
        let parsed = phc::PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&parsed).ok()?;
        let within = params.m_cost() <= MAX_ARGON2_KIB
            && params.t_cost() <= MAX_ARGON2_PASSES
            && params.p_cost() <= MAX_ARGON2_LANES;
        let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).ok()?;
        let version = Version::try_from(parsed.version?).ok()?;
        let (salt, hash) = (parsed.salt?.to_vec(), parsed.hash?.as_bytes().to_vec());
        within.then(|| Self::Argon2 { argon2: Argon2::new(algorithm, version, params), salt, hash })
    }

    /// Whether `stored` is as [`HashForm::Argon2id`] makes it today.
    pub(super) fn is_newest(stored: &str) -> bool {
        stored.starts_with(ARGON2ID)
    }

    /// The form that takes about the same work.
    pub(super) fn form(&self) -> HashForm {
        match self {
            Self::Argon2 { .. } => HashForm::Argon2id,
            Self::Pbkdf2 { .. } => HashForm::Pbkdf2,
        }
    }

    /// Whether it is the hash of `password`; the time taken does not depend on how much of it matches.
    pub(super) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        match self {
            Self::Argon2 { argon2, salt, hash } => {
                let mut made = vec![0; hash.len()];
                argon2
                    .hash_password_into(password.expose().as_bytes(), salt, &mut made)
                    .map_err(|_| HashError::Memory)?;
                Ok(made.ct_eq(hash).into())
            }
            Self::Pbkdf2 { rounds, salt, hash } => Ok(pbkdf2(password, salt, *rounds).ct_eq(hash).into()),
        }
    }
}

fn pbkdf2(password: &Password, salt: &[u8], rounds: pbkdf2::Params) -> [u8; 32] {
    let mut hash = [0; 32];
    let password = password.expose().as_bytes();
    pbkdf2::pbkdf2_hmac_with_params(password, salt, pbkdf2::Algorithm::Pbkdf2Sha256, rounds, &mut hash);
    hash
}
