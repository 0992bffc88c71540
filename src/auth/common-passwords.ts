/** Passwords that everybody tries first: words and walks over the keyboard, with what people put behind them. */

const WORDS = `
password passwort passwd pass parola contrasena senha motdepasse wachtwoord haslo salasana losenord passcode passphrase
secret secrets topsecret private letmein letmeinnow openup opensesame welcome welcomeback changeme changeit changethis
default temp temporary test testing tester test1234 guest demo sample example user username login logon signin admin
administrator root toor superuser system server service support manager office company business master masterkey
mypassword mypass newpassword oldpassword yourpassword nopassword thepassword password123 pass1234 pwd access accesskey
qwerty qwertyui qwertyuiop qwert qwertz qwertzui qwertzuiop azerty azertyuiop asdf asdfg asdfgh asdfghj asdfghjk asdfghjkl
zxcv zxcvb zxcvbn zxcvbnm qazwsx qazwsxedc qweasd qweasdzxc qweqwe asdasd zxczxc qwaszx wasd poiuyt lkjhgf mnbvcxz
qwerasdf asdfqwer qazxsw zaqwsx zaq1xsw2 1qaz2wsx 1q2w3e 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3 q1w2e3r4 q1w2e3r4t5
zaq12wsx xsw2zaq1 qwe123 asd123 abc abcd abcde abcdef abcdefg abcdefgh abc123 abcd1234 a1b2c3 a1b2c3d4 aa aaa abcabc
iloveyou iloveu iloveme ilovegod loveyou loveme lovely lover love lovelove iloveyou2 youandme forever foreverlove always
sunshine princess princesa prince queen king kingdom angel angels babygirl babyboy baby honey sweetie sweetheart sweet
sugar candy chocolate cookie cookies cupcake butterfly flower flowers rainbow unicorn sparkle star stars starlight moon
moonlight sunflower summer winter spring autumn january february march april june july august september october november
december monday tuesday wednesday thursday friday saturday sunday morning tonight weekend holiday christmas
football soccer baseball basketball hockey tennis golf golfer cricket rugby volleyball swimming snowboard skateboard
liverpool arsenal chelsea manchester manutd barcelona realmadrid juventus bayern yankees lakers cowboys eagles steelers
packers raiders patriots redsox dodgers giants broncos dolphins bulldogs wildcats tigers lions bears rangers celtics
superman batman spiderman ironman wolverine hulk captain avengers starwars startrek darthvader skywalker yoda jedi matrix
pokemon pikachu naruto sasuke goku dragonball sonic mario zelda minecraft fortnite roblox callofduty counterstrike
warcraft worldofwarcraft starcraft diablo playstation nintendo xbox360 gamer gaming player playboy hunter killer sniper
dragon dragons monster monkey tiger lion panther leopard cheetah elephant giraffe dolphin shark falcon eagle phoenix
wolf bear fox rabbit bunny kitten kitty puppy doggie dogs doggy cat cats snoopy garfield mickey minnie donald goofy
scooby scoobydoo tweety simpsons bart homer stitch nemo shrek barbie hellokitty winnie pooh tinkerbell cinderella
mustang ferrari porsche mercedes bmw audi toyota honda nissan yamaha suzuki kawasaki harley corvette camaro ford chevy
chevrolet dodge jeep subaru lamborghini maserati bentley jaguar cadillac volkswagen
michael michelle jennifer jessica ashley amanda daniel david andrew anthony joshua matthew robert william james john
joseph thomas charles christopher chris nicholas nicole jonathan justin brandon brian kevin steven george edward richard
alexander alexandra alexis alex benjamin samantha stephanie elizabeth rebecca rachel heather melissa amber crystal
vanessa victoria natalie natasha katherine kimberly lauren laura sarah maria marie anna andrea angela patricia sandra
barbara linda susan karen nancy margaret dorothy helen olivia emma sophia isabella charlotte amelia abigail madison
hannah lucas oliver jacob ethan mason logan jackson aiden liam noah diego carlos jose juan miguel antonio francisco
fernando ricardo eduardo roberto alejandro gabriel rafael santiago sebastian valentina camila daniela mariana carolina
mohammed muhammad ahmed ali hassan fatima omar ibrahim yusuf aisha peter paul patrick stephen scott jason ryan eric adam
aaron tyler dylan austin cameron jordan taylor morgan casey bailey buster maggie molly lucky max rocky ginger
pepper shadow smokey tigger charlie harley sammy sophie chester coco daisy oscar toby teddy rusty bandit midnight
america american usa canada england london paris berlin germany deutschland france espana italia australia brazil brasil
mexico india china japan tokyo russia moscow newyork chicago boston dallas houston texas florida california vegas
hollywood losangeles sydney melbourne toronto jerusalem istanbul
computer internet windows microsoft apple macintosh google yahoo hotmail facebook twitter instagram youtube amazon
samsung android iphone nokia motorola dell lenovo linux ubuntu debian oracle database network wireless router cisco
security firewall backup desktop laptop keyboard monitor printer software hardware programmer developer hacker hackme
trustno1 trustnoone whatever nothing something anything everything blahblah blink182 metallica nirvana slipknot eminem
beatles rolling stones acdc ironmaiden megadeth greenday linkinpark pinkfloyd ledzeppelin queen elvis prince madonna
shakira beyonce rihanna bieber justinbieber onedirection music guitar drummer piano rockstar rocknroll hiphop reggae
jesus jesuschrist christ christian church heaven godisgood godislove blessed blessing bible faith hope grace spirit
freedom liberty peace power powerful success winner champion victory legend hero heroes magic wizard merlin gandalf
frodo legolas tolkien harrypotter hogwarts potter voldemort dumbledore excalibur arthur lancelot thunder lightning
storm tornado hurricane volcano ocean island beach surfer sunset sunrise diamond crystal silver golden platinum emerald
purple orange yellow green black white blue redhead blackcat whitecat bluesky redrose pinky
banana apple cherry strawberry blueberry peach mango lemon coconut cheese pizza burger coffee starbucks cocacola pepsi
corona budweiser heineken vodka whiskey tequila marlboro newport
money dollar dollars million millionaire billionaire rich lottery casino poker bitcoin blackjack
fuck fuckyou fuckoff fuckme shit bullshit bitch asshole bastard sexy sexygirl hotgirl hotstuff pussy playgirl porn
loser stupid idiot dumbass crazy psycho maniac devil demon satan lucifer vampire zombie ghost skull death killer reaper
soldier marine army navy airforce military sergeant general trooper commando ranger police fireman doctor nurse lawyer
teacher student school college university graduate science physics mathematics biology history
letme1n passw0rd p4ssw0rd pa55word pa55w0rd welc0me adm1n s3cr3t
123321 112233 11223344 1122334455 121212 123123123 12341234 123654 123456a a123456 123abc 123qwe 1234qwer qwer1234
12qwaszx 159753 159357 147258 147258369 147852 258456 369258147 741852963 789456 789456123 852456 951753 963852741
123654789 987456321 321654987 102030 10203040 131313 232323 252525 654321 696969 666666 777777 888888 999999
relay monorelay openai anthropic claude gemini chatgpt llama mistral apikey gateway proxy
`;

const ENDINGS = `
1 2 3 4 5 6 7 8 9 0 00 01 02 03 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
42 44 45 50 55 66 69 77 78 80 88 89 90 91 92 93 94 95 96 97 98 99 000 007 100 101 111 112 121 123 222 234 321 333 420 444
456 555 666 777 789 888 911 999 0000 1111 1212 1234 1313 2222 4321 5555 6969 7777 8888 9999 12345 54321 123456 654321
1234567 12345678 123456789 1234567890 123123 111111 abc abcd qwe qwerty xyz xxx love me you man boy girl one two now
! !! !!! . .. ? @ # $ * + - _ 1! 2! 12! 123! 1234! 12345! @1 @12 @123 @1234 #1 #123 $1 $123 !1 !123 _1 _123 .1 .123 -1 -123
`;

const FIRST_YEAR = 1940;
const LAST_YEAR = 2040;
const YEARS = Array.from({ length: LAST_YEAR - FIRST_YEAR + 1 }, (_, index) => String(FIRST_YEAR + index));
const AFTER_YEARS = ["", "!", ".", "@", "#", "$", "*"];

const words: ReadonlySet<string> = new Set(WORDS.trim().split(/\s+/));
const endings: ReadonlySet<string> = new Set([
  "",
  ...ENDINGS.trim().split(/\s+/),
  ...YEARS.flatMap((year) => AFTER_YEARS.map((after) => year + after)),
  ...YEARS.map((year) => `@${year}`),
]);

/** How many passwords the words and endings make. */
export const COMMON_PASSWORDS = words.size * endings.size;

const ROWS = [
  "1234567890",
  "qwertyuiop",
  "qwertzuiop",
  "azertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "abcdefghijklmnopqrstuvwxyz",
];
const WALKS = ROWS.flatMap((row) => [row + row, [...(row + row)].reverse().join("")]);

/** Signs that stand for letters; a one is read both ways. */
const SIGNS: Readonly<Record<string, string>> = { "@": "a", "4": "a", "3": "e", "0": "o", $: "s", "5": "s", "7": "t" };

/** Whether this is a common password: in any case, with signs for letters, with a usual ending, doubled, or a walk. */
export function isCommonPassword(password: string): boolean {
  const plain = password.toLowerCase();
  return isWordWithEnding(plain) || isWalk(plain) || isRepeated(plain);
}

/** Capitals and signs undone: the forms in which a word may be hidden in the text. */
export function withoutSigns(text: string): readonly string[] {
  const letters = [...text.toLowerCase()].map((sign) => SIGNS[sign] ?? sign).join("");
  return [letters.replace(/[1!|]/g, "i"), letters.replace(/[1!|]/g, "l")];
}

function isWordWithEnding(text: string): boolean {
  for (let at = text.length; at >= 2; at -= 1) {
    if (!endings.has(text.slice(at))) continue;
    const word = text.slice(0, at);
    if (words.has(word) || withoutSigns(word).some((form) => words.has(form))) return true;
  }
  return false;
}

/** Also a walk with a usual ending, such as `12345678!`. */
function isWalk(text: string): boolean {
  return WALKS.some((walk) => {
    for (let at = text.length; at >= 5; at -= 1) {
      if (endings.has(text.slice(at)) && walk.includes(text.slice(0, at))) return true;
    }
    return false;
  });
}

/** One to four signs again and again, or a word twice. */
function isRepeated(text: string): boolean {
  for (let length = 1; length <= text.length / 2; length += 1) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).slice(0, text.length) !== text) continue;
    if (length <= 4 || isWordWithEnding(unit) || isWalk(unit)) return true;
  }
  return false;
}
