//! What the compiler says to a model that is wrong: the messages are part of the interface.

#[test]
fn a_wrong_model_is_refused_with_a_message_that_helps() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
