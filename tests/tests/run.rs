//! Whole runs: `tests/run/NAME/spec.yaml` by the real binary, against a server that plays `exchanges.yaml`.

/// Makes a test of each scenario, and one that none is forgotten.
macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                engine_tests::check(stringify!($name));
            }
        )*

        #[test]
        fn no_scenario_is_forgotten() {
            let known: &[&str] = &[$(stringify!($name)),*];
            assert_eq!(engine_tests::names(), known);
        }
    };
}

scenarios! {
    answer_broken_json
    answer_empty
    answer_not_json
    answer_of_5_gb
    answer_of_another_shape
    answer_of_bad_utf8
    answer_of_nan
    answer_of_ndjson
    answer_that_is_packed
    answer_too_deep
    answer_truncated
    answer_truncated_within
    answer_with_duplicate_keys
    answer_with_no_list
    answer_without_end
    answer_without_its_member
    auth_api_key
    auth_api_key_in_query
    auth_basic
    auth_bearer
    auth_in_the_path
    bodies_and_queries
    broken_pipe
    call_without_a_body
    calls_in_flight
    connection_refused
    decimals
    dry_run
    errors_accept
    errors_fail
    errors_retry
    errors_skip
    for_each_lists
    for_each_nested
    for_each_step
    headers_in_any_case
    host_of_a_link
    host_that_is_allowed
    imports
    inputs
    inputs_that_are_missing
    interrupt
    limit
    log_and_fail
    lookup_without_a_hit
    mapping_in_full
    mapping_required
    mapping_type
    null_in_a_text
    on_error_skip
    output_csv
    output_json
    output_none
    output_table
    paginate_concurrently
    paginate_cursor
    paginate_cursor_in_body
    paginate_custom
    paginate_custom_object
    paginate_error_on_a_page
    paginate_last_record
    paginate_link_header
    paginate_next_url
    paginate_offset
    paginate_offset_total
    paginate_page
    paginate_page_total
    paginate_repeated_cursor
    paginate_repeated_page
    paginate_without_end
    rate_limit
    read_of_a_pattern
    read_of_one_step_twice
    redirect
    redirect_to_another_host
    retry_after_date
    retry_after_seconds
    retry_broken_connection
    retry_gives_up
    retry_not_a_broken_post
    retry_not_a_post
    retry_timeout
    retry_too_many_requests
    retry_waits_from_a_header
    retry_with_key
    secret_from_a_file
    sink_csv
    sink_jsonl
    sink_sqlite
    sink_sqlite_append
    sink_sqlite_replace
    sink_sqlite_widens
    sink_stdout
    sink_that_fails
    sink_without_its_key
    spec_without_steps
    status_401
    status_404
    status_with_a_long_body
    step_that_is_skipped
    steps_by_name
    template_without_its_member
    validate_fail
    vars
    where_map_validate
}
