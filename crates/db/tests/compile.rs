//! What must not compile: a model that is wrong, where the messages are part of the interface, and a way around a
//! tenant's door.

#[test]
fn what_is_wrong_does_not_compile_and_the_message_helps() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
