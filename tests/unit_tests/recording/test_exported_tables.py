"""Tables that promptfoo and LangSmith export, which are more than rows of answers."""

from langchain_markovscale import traces_from

SUMS = [("2 + 2?", "4", [("It is 4.", True), ("5", False)])]


def told(path):
    return [
        (each["question"], each["reference"], [(a["text"], a["correct"]) for a in each["attempts"]])
        for each in traces_from(path)
    ]


def test_an_output_of_promptfoo_has_its_status_in_its_cell_or_in_a_column(tmp_path):
    together, apart = tmp_path / "together.csv", tmp_path / "apart.csv"
    header = "question,expected,[openai:gpt] Answer: {{question}}"
    together.write_text(
        f'{header}\n2 + 2?,4,"[PASS] (1.00)\n\nIt is 4.\n\nPass Reason: All passed"\n'
        '2 + 2?,4,"[FAIL] (0.00)\n\n5\n\nFail Reason: No"\n3 + 3?,6,[ERROR] (0.00) HTTP 500\n'
    )
    columns = "Status,Score,Named Scores,Grader Reason,Comment"
    apart.write_text(
        f"{header},{columns}\n2 + 2?,4,It is 4.,PASS,1.00,,All passed,\n"
        "2 + 2?,4,5,FAIL,0.00,,No,\n3 + 3?,6,HTTP 500,ERROR,0.00,,,\n"
    )
    assert told(together) == told(apart) == SUMS


def test_each_prompt_of_a_table_of_promptfoo_has_its_own_status(tmp_path):
    path, columns = tmp_path / "t.csv", "Status,Score,Named Scores,Grader Reason,Comment"
    path.write_text(
        f"question,[openai:a] p,{columns},[openai:b] p,{columns}\n"
        "2 + 2?,4,PASS,1.00,,ok,,5,FAIL,0.00,,no,\n"
    )
    assert told(path) == [("2 + 2?", None, [("4", True)]), ("2 + 2?", None, [("5", False)])]


def test_a_table_of_langsmith_is_read_as_runs_of_examples(tmp_path):
    frame, page = tmp_path / "frame.csv", tmp_path / "page.csv"
    frame.write_text(
        ",inputs.question,outputs.answer,error,reference.answer,feedback.correctness,example_id,id\n"
        "0,2 + 2?,It is 4.,,4,True,e1,r1\n1,2 + 2?,5,,4,False,e1,r2\n2,3 + 3?,,boom,6,,e2,r3\n"
    )
    page.write_text(
        "id,inputs,outputs,reference_outputs,correctness\n"
        'r1,"{""question"": ""2 + 2?""}","{""answer"": ""It is 4.""}","{""answer"": ""4""}",1\n'
        'r2,"{""question"": ""2 + 2?""}","{""answer"": ""5""}","{""answer"": ""4""}",0\n'
    )
    assert told(frame) == told(page) == SUMS


def test_a_table_of_a_langsmith_dataset_asks_questions(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('inputs,outputs\n"{""question"": ""2 + 2?""}","{""answer"": ""4""}"\n')
    assert told(path) == [("2 + 2?", "4", [])]
