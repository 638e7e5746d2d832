"""Ways to ask how often a letter occurs in a word; {l} is the letter, {w} the word."""

ENGLISH = (
    "How many {l} are in {w}",
    "How many {l} are there in {w}",
    "How many {l} are in the word {w}",
    "How many {l} does {w} have",
    "How many {l} does the word {w} contain",
    "How many times does {l} occur in {w}",
    "How many times does the letter {l} appear in {w}",
    "How many times do you see {l} in {w}",
    "How many times is {l} used in the word {w}",
    "How often does {l} appear in {w}",
    "How often is the letter {l} found in the word {w}",
    "Count the {l} in {w}",
    "Count how many {l} are in {w}",
    "Count the letter {l} in the word {w}",
    "Count every {l} in {w} for me",
    "Please count the {l} in the word {w}",
    "Can you count the letter {l} in {w}",
    "Could you tell me how many {l} are in {w}",
    "Tell me the number of {l} in {w}",
    "Tell me how often {l} occurs in {w}",
    "What is the number of {l} in {w}",
    "What is the count of the letter {l} in {w}",
    "In {w}, how many {l} are there",
    "In the word {w}, how often is there an {l}",
    "In {w}, what is the number of {l}",
    "I want to know how many {l} {w} has",
    "Do you know how many {l} are in {w}",
    "Find the number of {l} in the word {w}",
    "Look at {w} and count the {l}",
    "{w}: how many {l}",
)
SPANISH = (
    "¿Cuántas {l} hay en {w}",
    "¿Cuántas veces aparece {l} en {w}",
    "¿Cuántas letras {l} tiene la palabra {w}",
    "Cuenta la letra {l} en {w}",
)
CHINESE = (
    "{w}里有几个{l}",
    "单词{w}中有多少个{l}",
    "请数一数{w}中字母{l}的个数",
    "字母{l}在{w}中出现几次",
)
KOREAN = (
    "{w}에 {l}가 몇 개 있나요",
    "단어 {w}에 글자 {l}는 몇 번 나오나요",
    "{w}에서 {l}의 개수를 세어 주세요",
    "{w}에는 {l}가 몇 번 들어 있나요",
)
FRENCH = (
    "Combien de {l} y a-t-il dans {w}",
    "Combien de fois la lettre {l} apparaît-elle dans {w}",
    "Compte les {l} dans le mot {w}",
)
GERMAN = (
    "Wie viele {l} sind in {w}",
    "Wie oft kommt der Buchstabe {l} in {w} vor",
    "Zähle die {l} im Wort {w}",
)
JAPANESE = (
    "{w}に{l}はいくつありますか",
    "{w}の中に文字{l}は何回出てきますか",
    "単語{w}の{l}を数えてください",
)
ALL_LANGUAGES = ENGLISH + SPANISH + CHINESE + KOREAN + FRENCH + GERMAN + JAPANESE
