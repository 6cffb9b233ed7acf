"""Long tests of a kind of which quick ones stay in `make test`; `make test-all` runs them too."""

from __future__ import annotations

import re

_LONG = (
    # Each classifier once more than resnet18, which stays; all 80 are a long check of their own.
    r"test_every_layer_of_a_few_classifiers\[(?!resnet18|mobilenet|squeezenet|alexnet)",
    r"test_the_reference_for_all_layers_is_the_one_for_a_single_layer\[(vit|swin|googlenet)",
    r"test_the_same_is_found_without_sympy\[(?!resnet18)",
    r"test_literature\.py::test_(top_predictions_and_the_map|vgg16_with_its_in_place)",
    r"test_every_method_on_every_call_of_every_layer\[(?!resnet|vit|a module called three)",
    r"test_every_method\.py::test_the_same_in_float32\[(?!resnet|vit)",
    r"test_rounding\.py::test_by_click_and_by_batch\[(?!resnet18-layer3.1.bn2-xgrad)",
    r"test_scoring\.py::test_they_are_those_of_sessions\[(Mixing|One|Pairs)",
    # Scripts that are started for what they say alone.
    r"test_a_script_starts_and_says_how_it_is_used\[(scripts/(installers|bundle)|benchmarks)/",
    r"test_every_round_runs_every_case_after_a_bare_one",
    r"test_before_and_after_frame_each_run_and_a_failure_is_told",
    # Each of these once more, with another network or another place.
    r"test_the_logits_are_those_of_the_writer\[.*safetensors",
    r"test_a_torchvision_network_needs_no_consent\[(?!resnet18|vit_b_32|swin_t)",
    r"test_every_setting_counts_but_those_that_are_never_read\[.*(vit|swin|maxvit|regnet|convnext)",
    r"test_a_configuration_takes_no_more_than_its_weights\[changes[1-9]",
    r"test_everything_holds_on_dense_screens\[2\]",
    r"test_a_failure_that_no_step_notices_fails_it",
    r"test_what_is_being_exported_is_finished_when_the_session_ends",
    r"test_some_damaged_models_and_lists",
    r"test_every_method_answers_or_says_why_not\[.*tokens",
    r"test_spread\.py::test_without_a_scheduler",
    r"test_work_that_does_not_stop_holds_no_signal_up\[(SIGHUP|SIGINT)",
    r"test_the_first_maps_of_a_demo_import_no_compiler\[(?!demo:shapes)",
    r"test_some_damaged_pictures",
    r"test_damaged_files_that_may_run",
    r"test_every_method_of_the_menu_is_shown",
    r"test_after_a_kill_at_any_point_the_next_one_makes_it_whole",
    r"test_descriptions_of_any_content_cost_one_line",
    r"test_grad_cam_beats_random_order_by_more_than_three_spreads",
    r"test_setup_check\.py::test_(a_failure_beside_the_steps_is_told|a_step_that_fails_is_named)",
    r"test_names_are_text\.py::test_questions\[(?!architecture|consent)",
    r"test_batches\.py::test_every_question\[.*(tokens|vit|densenet|swin)",
    r"test_a_start_that_takes_over_from_one_that_hung_is_the_one_window",
    r"test_hostile_commands\.py::test_one_after_the_other",
    r"test_a_check_that_fails_leaves_a_download_alone",
    r"test_setup_check\.py::test_a_check_leaves_nothing_behind",
    r"test_predictions_are_transformers_own\[(?!vit-exact)",
    r"test_networks_of_transformers_are_not_fetched\[(?!a class)",
    r"test_auxiliary_heads\[(?!googlenet)",
    r"test_every_call_of_every_layer_equals_the_plain_form\[(?!resnet|vit)",
    r"TestEveryWay::test_legrad(_of_a_unit)?\[.*(1|2|3)",
    r"test_same_module\.py::test_what_is_never_read_changes_nothing\[(?!resnet18|vit)",
    r"test_second_start\.py::test_after_a_crash_the_next_start_offers_what_was_open",
    r"test_folder_killed\.py::test_killed_in_the_middle_and_continued",
)

LONG = re.compile("|".join(_LONG))
