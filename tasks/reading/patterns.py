"""The kinds of questions about an article: how each is asked, and the sentence that answers it."""

import re

# kind -> ways to ask; {x} is the article's subject, {be} is/was/are/were, {e} the kind's own detail
QUESTIONS = {
    "what": ("What {be} {x}?", "What {be} {x}?", "What does the text say {x} {be}?"),
    "who": ("Who {be} {x}?", "Who {be} {x}?", "Who does the text say {x} {be}?"),
    "nationality": (
        "What nationality {be} {x}?",
        "What {be} the nationality of {x}?",
        "Of what nationality {be} {x}?",
    ),
    "profession": (
        "What {be} the profession of {x}?",
        "What {be} {x} by profession?",
        "What {be} the occupation of {x}?",
    ),
    "where": ("Where {be} {x}?", "Where {be} {x} located?", "Where can {x} be found?"),
    "found": ("Where {be} {x} found?", "Where can {x} be found?"),
    "year": (
        "Which year does the text mention?",
        "What year is mentioned?",
        "Which year is given in the text?",
        "What year does the text speak of?",
    ),
    "when": ("When {be} {x} {e}?", "In which year {be} {x} {e}?", "What year {be} {x} {e}?"),
    "by": ("By whom {be} {x} {e}?", "Who {be} {x} {e} by?", "{x} {be} {e} by whom?"),
    "also": (
        "What is another name for {x}?",
        "What else {be} {x} called?",
        "What other name does the text give for {x}?",
    ),
    "population": (
        "What is the population of {x}?",
        "How many people live in {x}?",
        "How large is the population of {x}?",
    ),
    "capital": (
        "What is the capital of {x}?",
        "Which city is the capital of {x}?",
        "What is the name of the capital of {x}?",
    ),
    "named": (
        "What {be} {x} named after?",
        "After what {be} {x} named?",
        "Who or what {be} {x} named after?",
    ),
    "known": (
        "What {be} {x} known for?",
        "For what {be} {x} known?",
        "What does the text say {x} {be} known for?",
    ),
    "many": (
        "How many {e} does {x} have?",
        "How many {e} are there?",
        "How many {e} does the text say there are?",
    ),
    "native": (
        "Where {be} {x} native to?",
        "What place {be} {x} native to?",
        "To what place {be} {x} native?",
    ),
    "born": (
        "Where was {x} born?",
        "What is the birthplace of {x}?",
        "In what place was {x} born?",
    ),
    "causes": ("What causes {x}?", "What {be} {x} caused by?", "By what {be} {x} caused?"),
    "made": ("What {be} {x} made from?", "From what {be} {x} made?", "What {be} {x} made of?"),
    "used": ("What {be} {x} used {e}?", "What does the text say {x} {be} used {e}?"),
}

# kind -> the sentence that answers it; {a} is the answer
SENTENCES = {
    "what": "{x} {be} {a}.",
    "who": "{x} {be} {a}.",
    "nationality": "The nationality of {x} {be} {a}.",
    "profession": "The profession of {x} {be} {a}.",
    "where": "{x} {be} {a}.",
    "found": "{x} {be} found {a}.",
    "year": "The year is {a}.",
    "when": "{x} {be} {e} in {a}.",
    "by": "{x} {be} {e} by {a}.",
    "also": "{x} {be} also called {a}.",
    "population": "The population of {x} is {a}.",
    "capital": "The capital of {x} is {a}.",
    "named": "{x} {be} named after {a}.",
    "known": "{x} {be} known for {a}.",
    "many": "There are {a} {e}.",
    "native": "{x} {be} native to {a}.",
    "born": "{x} was born in {a}.",
    "causes": "{x} {be} caused by {a}.",
    "made": "{x} {be} made from {a}.",
    "used": "{x} {be} used {e} {a}.",
}

WORD = r"(?:[A-Z]\.|[A-Z][\w'-]+)"
NAME = rf"(?:the )?{WORD}(?: (?:of the |of |the |de |van |von |di |dan |ibn )?{WORD})*"
PLACE = rf"(?:(?:the )?(?:[a-z]+ern|central|northeast|southeast) )?{NAME}"
AGENT = re.compile(  # "the Spanish artist Pablo Picasso"
    r"(?:(?:the |an? )?(?:[A-Z][\w-]+(?:an|ish|ese|ch|ek|ss) )?"
    rf"(?:(?!the |of |de |dan |ibn |von |van )[a-z-]+ )+)?({NAME}(?: and {NAME})*)"
)
NUMBER = r"(?:(?:about|over|around|approximately|nearly) )?\d[\d,.]*\d(?: million| billion)?"
PEOPLE = rf"(?:a|an estimated) population of ({NUMBER})"

# the subject's own sentence
OPENING = re.compile(
    r"^(?P<subject>[^,;()]{2,50}?)(?P<aside>(?:, [^;]{2,60},| \([^()]*\))?) "
    r"(?P<be>is|was|are|were) (?P<rest>.+)$"
)
# a name is not written in lower case inside a sentence if it is that of a ...
_WORKS = (
    r"\b(?:films?|novel|novella|book|play|tragedy|comedy|album|song|opera|painting|series|franchise"
    r"|magazine|newspaper|journal|poem|sitcom|band|show|fresco|trilogy|musical"
)
WORK = re.compile(rf"{_WORKS})\b")
PROPER = re.compile(
    rf"{_WORKS}|company|corporation|service|website|character|deity|god|goddess|city|town|country"
    r"|constellation|planet|corporation|conglomerate|region|province|district|dynasty)\b"
)
COMMON_ENDING = re.compile(
    r"(?:[^t]ium|ics|logy|graphy|ing|tion|sis|ment|ness|itis|ance|ence|ers)$"
)
PLURAL = re.compile(r"[rntdlmkpg]s$")  # and no Latin name
SEVERAL_PEOPLE = re.compile(r"\b(?:band|group|troupe|duo|orchestra|family|trio|quartet|team)\b")
# a second sentence about a person; a ship is a she, too
PERSON = re.compile(r"(?:He|She) (?!.*\b(?:ship|sank|crew)\b)")
# a noun that says little without the words behind it
INCOMPLETE = re.compile(
    r"\b(?:decrease|increase|change|reduction|inability|lack|difference|relationship|ability"
    r"|failure|belief|response|reaction|attempt|introduction|means|member|example|majority|answer"
    r"|interaction|transition|conversion|comparison|application|connection|approach|tendency|extension|membership|process|processe|technique|method)s?$"
)
# a second answer after the first
MORE = re.compile(
    r"\(|as\b|such as|(?:and|or) (?:in|on|at|for|to|as|by|from|of|with|near|the|an?)\b|between\b"
    r"|(?:notably|particularly|especially) |(?:the|an?|his|her|its|their) [\w' -]+(?:,| and | or )"
)
VAGUE = re.compile(
    r"(?:an?|the|one|one of(?: the)?) (?:\w+ )?(?:device|system|process|method|form|type|kind|group"
    r"|part|term|way|unit|state|act|person|place|member|series|collection|one|name|study|use|field"
    r"|area|condition|object|item|structure|institution|number|practice|ability|result|class|set"
    r"|family|order|art|measure|property|word|title|first|phenomenon|concept|instance|situation"
    r"|event|position|action|case|quality|idea|activity|figure|example|point|section|time|piece"
    r"|variety|range|amount|body|substance|branch|material|technique|theory|theorem|region|period"
    r"|species|genus|tool|machine|rule|principle|statement|approach|attempt|space|body|thing)s?$"
)
_FAITH_OR_MOVEMENT = (
    r"Muslim|Christian|Hindu|Church|Latin|Islamic|Classical|Vedic|Buddhist|Catholic|Jewish|Baptist"
    r"|Lutheran|Neoplatonist|Renaissance|Romantic|Stoic|Indigenous|Alid|Urdu|Najdi|Carmelite"
    r"|Franciscan|Protestant|Puritan|Anglican|Orthodox|Sunni|Shia|Sufi|Jesuit|Benedictine|Marxist"
    r"|Democratic|Republican|Communist|Nazi|Victorian|Baroque|Norse|Olympic|Army|Presbyterian"
)
NATION = (
    rf"(?:(?:North|South|New|Hong|Native|Ancient) [A-Z][a-z]+|(?!(?:{_FAITH_OR_MOVEMENT})\b)"
    rf"[A-Z][a-z]+(?:-[A-Z][a-z]+)?)"
)
NO_JOB = re.compile(
    r"(?:king|queen|emperor|empress|saint|\w*noble\w*|prince|princess|martyr|murderer|member|figure"
    r"|son|daughter|man|woman|monarch|founder|leader|ruler|chieftain|aristocrat|polymath|family"
    r"|socialite|people|god|brother|brothers|sister|wife|laureate|dynasty|heiress|killer|criminal"
    r"|pioneer|nationalist|icon|of|[A-Z]\w*)\b"
)
IN_PLACE = re.compile(
    r"(?:an?|the) (?!.*\bcapital of)[a-z](?:(?! (?:in|on|of|off|near) )[\w -])*?"
    r"\b(?:city|town|country|river|island|lake|mountain"
    r"|region|state|province|municipality|village|port|desert|sea|range|district|valley|park|museum"
    r"|university|building|church|bridge|temple|volcano|peninsula|site|palace|castle|airport|stadium"
    r"|mountains|waterfall|canyon|kingdom|republic|settlement)(?: located| situated)? "
    rf"((?:in|on|off|near) {PLACE}(?:,? and {PLACE}|, {PLACE})*)(?=[.,;]|"
    r" (?:and|that|which|with|on|at|near|located|situated|from|known|bordering|to|as)\b)"
)
# a second place that would be as right as the first
ELSEWHERE = re.compile(
    r"\b(?:in|on|at|near|off|of|along|between|within|from|into) (?:the )?(?:\w+ern |central |\w+ )?"
    r"[A-Z]|located|situated|border|bound|stretch|lying|shore|coast|bank|north|south|east|west"
)
ALSO = re.compile(
    r"(?:, (?:also|commonly|often|better|sometimes|formerly|also commonly)"
    r" (?:known as|called|referred to as)|, or) "
    r"((?!\w+ly |just |the term )(?:(?! (?:and|or|in|for|by|from|to|as|after) )[^,(\"]){3,40}),$"
)
POPULATION = re.compile(rf"\bwith {PEOPLE}")
OTHER_NUMBER = re.compile(r"\d,\d{3}(?! (?:km|sq))|illion(?! US)|population of \d")

# said of the subject: after its name or pronoun, or after "is a ..." in the opening sentence;
# the groups are the verb, the kind's detail and the answer
_LATER = (
    ("when", r"(is|was|were|are) (?:first |originally |officially )?(founded|established|built"
             r"|released|published|discovered|created|opened|completed|invented|formed|introduced"
             r"|launched|incorporated|dissolved|destroyed|abolished|adopted|signed|crowned"
             r"|assassinated|executed)(?: [\w' .-]+?)? in (\d{4})\b"),
    ("by", r"(is|was|were|are) (?:(?:written|produced|owned) and )?(founded|discovered|invented"
           r"|developed|designed|built|composed|written|directed|painted|introduced|created"
           r"|proposed|published|conquered|commissioned|produced) by (.+)"),
    ("population", rf"()(?:has|had|with) (){PEOPLE}"),
    ("named", r"(is|was|are|were) named after ()(.+)"),
    ("known", r"(is|was|are|were) (?:\w+ly |best |most )?(?:known|famous|remembered|noted) for ()"
              r"(.+)"),
    ("many", r"()(?:contains?|comprises?|includes?|has|have|consists? of) (two|three|four|five"
             r"|six|seven|eight|nine|ten|twelve|\d[\d,]*) ((?:[a-z]+ )?[a-z]+s)\b(?! of)"),
    ("where", r"(is|was|are|were) (?:located|situated)()(?: mainly| primarily)? "
              r"((?:in|on|at|near|between) .+)"),
    ("found", r"(is|was|are|were) found()(?: mainly| primarily| only)? "
              r"((?:in|on|at|near) (?!pairs|nature|an? ).+)"),
    ("native", r"(is|are) native to ()(.+)"),
    ("born", rf"(was) born (?:in|at) ()({NAME}(?:, {NAME})*)(?=,? ?[a-z.(])"),
    ("causes", r"(is|are|was) (?:\w+ly )?caused by ()(.+)"),
    ("made", r"(is|are|was|were) (?:\w+ly )?made (?:from|of|out of) ()(.+)"),
    ("used", r"(is|are|was|were) (?:\w+ly )?used (to|for|as) (.+)"),
)  # fmt: skip
LATER = tuple((kind, re.compile(pattern)) for kind, pattern in _LATER)
PRONOUN = re.compile(
    r"(?:It|He|She|They|The (?P<noun>city|country|island|river|town|state|film|book|company"
    r"|university|museum|building|bridge|church|mountain|lake|province|region|novel|song|album"
    r"|language|species|genus|family|plant))(?: also)? "
)
CAPITAL = re.compile(
    r"(?:Its|The|The country's|The state's) capital(?: and \w+ city)?(?: of [\w ]+?)? is "
    rf"({NAME})"
)
YEAR = re.compile(
    r"\b(?:in|since|until|by|of|the|an?|from|around|before|after|late|early|mid|"
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"(?: \d\d?,)?) ([12]\d{3})\b"
    r"(?! (?:to|and|or|km|feet|metres|meters|people|species|miles|years)|,\d)"
)
NOT_A_YEAR = re.compile(
    r"\b(?:BC|BCE|AD|CE)\b|\d (?:to|and|or) \d|\d-\d{2}"
    r"|\b(?:in|from|until|since|by|of) \d{3}\b(?!,)"
)
