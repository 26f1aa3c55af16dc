//! The token of the API, compared in a time that says nothing about it.

use sha2::{Digest as _, Sha256};

use crate::config::Secret;

/// A token's digest: what is compared.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// The configured one.
    pub fn new(secret: &Secret) -> Token {
        Token(Sha256::digest(secret.expose()).into())
    }

    /// Whether this is the value of an `Authorization` header that carries it.
    pub fn is_in(&self, authorization: Option<&[u8]>) -> bool {
        let given = authorization.and_then(|value| {
            let (scheme, token) = value.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
        });
        // How far two digests agree says nothing of how far the tokens do.
        given.is_some_and(|given| <[u8; 32]>::from(Sha256::digest(given)) == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_passes() {
        let token = Token::new(&Secret::new("abc".into()));
        for right in ["Bearer abc", "bearer abc", "Bearer  abc "] {
            assert!(token.is_in(Some(right.as_bytes())), "{right:?}");
        }
        for wrong in ["", "abc", "Bearer", "Bearer ", "Bearer ab", "Bearer abcd", "Basic abc"] {
            assert!(!token.is_in(Some(wrong.as_bytes())), "{wrong:?}");
        }
        assert!(!token.is_in(None));
    }
}
