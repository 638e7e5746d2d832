"""The chat format of `nanochat.conversation` as a Jinja template, for programs that are not ours.

It gives the same ids as our renderer, with two limits that no template can lift. A rendered
template is tokenized as one string, so a special token's name inside a message becomes that token
(our own server and terminal put prompts together from ids); and two `text` parts next to each
other are tokenized as one text.
"""

# `-` at every tag: the line breaks and blanks of this text are not part of what it renders.
CHAT_TEMPLATE = """\
{%- if not messages -%}
  {{- raise_exception("expected a non-empty list of messages") -}}
{%- endif -%}
{%- set has_system = messages[0]["role"] == "system" -%}
{%- set turns = messages[1:] if has_system else messages -%}
{%- if not turns -%}
  {{- raise_exception("a system message must be followed by a user message") -}}
{%- endif -%}
{%- if has_system and messages[0]["content"] is not string -%}
  {{- raise_exception("the system message's content must be a string") -}}
{%- endif -%}
{{- bos_token -}}
{%- for message in turns -%}
  {%- set role = "user" if loop.index0 % 2 == 0 else "assistant" -%}
  {%- if message["role"] != role -%}
    {{- raise_exception("roles must alternate user, assistant, user, ... after the system") -}}
  {%- endif -%}
  {%- set content = message["content"] -%}
  {{- "<|" + role + "_start|>" -}}
  {%- if role == "user" -%}
    {%- if content is not string -%}
      {{- raise_exception("user content must be a string") -}}
    {%- endif -%}
    {%- if loop.first and has_system -%}
      {{- messages[0]["content"] + "\\n\\n" -}}
    {%- endif -%}
    {{- content -}}
  {%- elif content is string -%}
    {{- content -}}
  {%- elif content is mapping or content is not iterable -%}
    {{- raise_exception("assistant content must be a string or a list of parts") -}}
  {%- else -%}
    {%- for part in content -%}
      {%- if part["text"] is not string -%}
        {{- raise_exception("each part must have a string 'text'") -}}
      {%- elif part["type"] == "text" -%}
        {{- part["text"] -}}
      {%- elif part["type"] == "python" -%}
        {{- "<|python_start|>" + part["text"] + "<|python_end|>" -}}
      {%- elif part["type"] == "python_output" -%}
        {{- "<|output_start|>" + part["text"] + "<|output_end|>" -}}
      {%- else -%}
        {{- raise_exception("each part must be of type text, python or python_output") -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- "<|" + role + "_end|>" -}}
  {%- if loop.last and add_generation_prompt -%}
    {%- if role == "assistant" -%}
      {{- raise_exception("the last message must be from the user") -}}
    {%- endif -%}
    {{- "<|assistant_start|>" -}}
  {%- endif -%}
{%- endfor -%}
"""
