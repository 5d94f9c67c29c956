import { isNumberWord } from "./number_words.ts";

/** Currencies by what people write for them. */
export const currencies: Record<string, string> = {
  "us$": "$",
  "usd": "$",
  "$": "$",
  "dollar": "$",
  "buck": "$",
  "€": "€",
  "eur": "€",
  "euro": "€",
  "£": "£",
  "gbp": "£",
  "pound": "pound",
  "¥": "¥",
  "yen": "¥",
  "₹": "₹",
  "rs": "₹",
  "inr": "₹",
  "rupee": "₹",
  "৳": "৳",
  "tk": "৳",
  "taka": "৳",
  "₩": "₩",
  "r$": "R$",
  "a$": "A$",
  "c$": "C$",
  "hk$": "HK$",
  "nz$": "NZ$",
  "chf": "CHF",
  "元": "元",
  "円": "¥",
};

/** [dimension's base unit, numerator, denominator] of units that one may write instead of another. */
export const scales: Record<string, [string, bigint, bigint]> = {
  m: ["m", 1n, 1n],
  in: ["m", 254n, 10_000n],
  ft: ["m", 3048n, 10_000n],
  yd: ["m", 9144n, 10_000n],
  mi: ["m", 1_609_344n, 1000n],
  ha: ["m2", 10_000n, 1n],
  acre: ["m2", 40_468_564_224n, 10_000_000n],
  g: ["g", 1n, 1n],
  tonne: ["g", 1_000_000n, 1n],
  oz: ["g", 45_359_237n, 1_600_000n],
  lb: ["g", 45_359_237n, 100_000n],
  l: ["m3", 1n, 1000n],
  cup: ["gallon", 1n, 16n],
  pint: ["gallon", 1n, 8n],
  quart: ["gallon", 1n, 4n],
  gallon: ["gallon", 1n, 1n],
  s: ["s", 1n, 1n],
  min: ["s", 60n, 1n],
  h: ["s", 3600n, 1n],
  day: ["s", 86_400n, 1n],
  week: ["s", 604_800n, 1n],
  fortnight: ["s", 1_209_600n, 1n],
  month: ["month", 1n, 1n],
  year: ["month", 12n, 1n],
  decade: ["month", 120n, 1n],
  Wh: ["J", 3600n, 1n],
  B: ["b", 8n, 1n],
  "¢": ["$", 1n, 100n],
  "$": ["$", 1n, 1n],
};
for (const [prefix, power] of [["m", 1000n], ["c", 100n]] as const) {
  scales[`${prefix}m`] = ["m", 1n, power];
  scales[`${prefix}l`] = ["m3", 1n, 1000n * power];
}
Object.assign(scales, { mg: ["g", 1n, 1000n], kg: ["g", 1000n, 1n], km: ["m", 1000n, 1n] });

const synonyms: Record<string, string> = {
  mile: "mi",
  mph: "mi/h",
  kph: "km/h",
  kmh: "km/h",
  kmph: "km/h",
  foot: "ft",
  feet: "ft",
  inch: "in",
  inche: "in",
  yard: "yd",
  kilo: "kg",
  hectare: "ha",
  lbs: "lb",
  hrs: "h",
  yds: "yd",
  kgs: "kg",
  kms: "km",
  cms: "cm",
  ounce: "oz",
  second: "s",
  sec: "s",
  minute: "min",
  hour: "h",
  hr: "h",
  cent: "¢",
  degree: "°",
  deg: "°",
};

const prefixes: Record<string, number> = {
  p: -12,
  n: -9,
  μ: -6,
  m: -3,
  c: -2,
  d: -1,
  "": 0,
  h: 2,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
};

/** A unit of the SI with its prefix, where letter case says which: MW, mW, Mb, MB. Sloppy spellings of common ones (KM, Kg) are read without it. */
const symbol = /^([pnμmcdhkMGTP]?)(Wh|W|J|N|Pa|Hz|V|A|Ω|F|eV|cal|bit|b|B|g|m|s|L|l|mol|K|S|T)$/;

const prefixNames = "pico nano micro milli centi deci hecto kilo mega giga tera peta".split(" ");
const prefixSigns = [..."pnμmcdhkMGTP"];
const unitNames: Record<string, string> = {
  watt: "W",
  joule: "J",
  newton: "N",
  pascal: "Pa",
  hertz: "Hz",
  volt: "V",
  ampere: "A",
  amp: "A",
  ohm: "Ω",
  byte: "B",
  bit: "b",
  calorie: "cal",
  second: "s",
  meter: "m",
  metre: "m",
  gram: "g",
  gramme: "g",
  liter: "l",
  litre: "l",
  kelvin: "K",
  mole: "mol",
};
const longName = new RegExp(
  `^(${prefixNames.join("|")})?[ -]?(${
    Object.keys(unitNames).sort((a, b) => b.length - a.length).join("|")
  })s?$`,
);

/** Symbols that are often written without regard to letter case, where nothing else is meant. */
const sloppy = new Map(
  "kHz GHz kW kWh kV kJ kN kPa Hz Pa".split(" ").map((sign) => [sign.toLowerCase(), sign]),
);

/** The symbol of a unit of the SI, `MW` for itself and for megawatts; or `null`. */
function readSymbol(word: string): string | null {
  const name = longName.exec(word.toLowerCase());
  if (name) return (name[1] ? prefixSigns[prefixNames.indexOf(name[1])] : "") + unitNames[name[2]];
  const match = symbol.exec(word);
  if (!match && sloppy.has(word.toLowerCase())) return sloppy.get(word.toLowerCase())!;
  if (!match) return null;
  return match[2] === "L" ? `${match[1]}l` : match[2] === "bit" ? `${match[1]}b` : word;
}

type Dimensions = Record<string, number>;
type Scale = [dimensions: string, numerator: bigint, denominator: bigint];

/** Base unit and factor of one name of a unit. */
function scaleOfName(name: string): Scale | undefined {
  if (Object.hasOwn(scales, name)) return scales[name];
  const match = symbol.exec(name);
  if (!match) return undefined;
  const [base, n, d] = scales[match[2]] ?? [match[2], 1n, 1n], power = prefixes[match[1]];
  return power < 0 ? [base, n, d * 10n ** BigInt(-power)] : [base, n * 10n ** BigInt(power), d];
}

/** Base units with their powers and the factor of a canonical unit, of products, quotients and powers too: `km/h`, `g/cm3`. */
function scaleOf(unit: string): Scale | undefined {
  const powers: Dimensions = {};
  let numerator = 1n, denominator = 1n, below = false;
  for (const [place, part] of unit.split("/").entries()) {
    below = place > 0;
    for (const factor of part.split(/[ ·]/)) {
      const match = /^([^\d]+)([23]?)$/.exec(factor), scale = match && scaleOfName(match[1]);
      if (!scale) return undefined;
      const times = Number(match[2] || 1), [, base, own] = /^(\D+)(\d?)$/.exec(scale[0])!;
      powers[base] = (powers[base] ?? 0) + (below ? -1 : 1) * times * Number(own || 1);
      const [n, d] = [scale[1] ** BigInt(times), scale[2] ** BigInt(times)];
      [numerator, denominator] = below ? [numerator * d, denominator * n] : [numerator * n, denominator * d];
    }
  }
  const dimensions = Object.entries(powers).filter(([, power]) => power !== 0).sort().join(" ");
  return [dimensions, numerator, denominator];
}

/** Units that may touch the number or be one letter: anything else there is a variable. */
const attached = new Set([...Object.keys(scales), "°", "mi", "ft", "in", "yd", "lb", "oz", "mph", "kmh"]);

/** Words after a number that make it something else than that number of things. */
const notUnits = new Set(
  ("and or not minus plus times to than if but except is are isn't aren't was were millionen milliarden millones mio mrd point squared cubed factorial " +
    "pi root over by divided mod base no none from cos sin tan log ln sqrt negative e i").split(" "),
);

const unitText = /^[\p{L}\p{M}°¢$€£¥₹৳₩'.()/^{}23 -]+$/u;

const singular = (word: string) =>
  word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;

const knownUnit = (word: string) =>
  currencies[word] ?? currencies[singular(word)] ?? synonyms[word] ?? synonyms[singular(word)] ??
    singular(word);

const canonicalName = (word: string) => readSymbol(word) ?? knownUnit(word.toLowerCase());

/**
 * The canonical unit that a text after a number says, such as `km`, `$` or `hair clip`; `undefined` when it is no unit: it
 * has other numbers, operators, or words that make it another number (`and`, `minus`, `squared`).
 *
 * @param touching No space stands between the number and the text: then only a known unit is one, not a variable.
 * @example
 * ```ts
 * import { readUnit } from "./read_unit.ts";
 * readUnit("kilometers", false); // "km"
 * ```
 */
export function readUnit(text: string, touching: boolean): string | undefined {
  if (text.length > 60 || !unitText.test(text)) return undefined;
  const phrase = text.replace(
    /\b(square|sq\.?|cubic|cu\.?) ([a-z]+)/gi,
    (_, power, word) => `${canonicalName(word)}^${/^s/i.test(power) ? 2 : 3}`,
  )
    .replace(
      /([a-z]+) per ([a-z]+)/gi,
      (_, above, below) => `${canonicalName(above)}/${canonicalName(below)}`,
    );
  const exact = phrase.split(" ").filter((word) => word !== ""),
    words = exact.map((word) => word.toLowerCase());
  if (words.length > 6) return undefined;
  const canonical: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i].replace(/[.()]/g, "");
    if (word === "" || !/[\p{L}°¢$€£¥₹৳₩]/u.test(word)) return undefined;
    if (notUnits.has(word) || word.split("-").some(isNumberWordButSecond)) return undefined;
    const written = exact[i].replace(/[.()]/g, "");
    // KG is sloppy for kg; NM is nothing that nm is.
    const own = written !== word && symbol.test(word) && !Object.hasOwn(scales, word);
    const unit = readSymbol(written) ?? (own ? written : knownUnit(word));
    const known = attached.has(unit) || unit.includes("/") || unit.includes("^") || unit in scales ||
      Object.hasOwn(currencies, word) || /[^a-z\p{Script=Greek}]/u.test(unit.replace(/[A-Z]/g, "")) ||
      (unit.length > 1 && symbol.test(unit)) || /^[VWJNAΩ]$/.test(unit);
    if (i === 0 && touching && !(known && unit.length <= 5)) return undefined;
    if (word.length === 1 && !known) return undefined;
    if (/[23{}^]/.test(word) && !/^[a-z/]+\^?\{?[23]\}?(?:\/[a-z]+)?$/.test(word)) return undefined;
    canonical.push(unit.replace(/[\^{}]/g, ""));
  }
  return canonical.join(" ");
}

const isNumberWordButSecond = (word: string) =>
  word !== "second" && word !== "seconds" && !/^(?:quarter|third|half)/.test(word) && isNumberWord(word);

/** What is left of `10\\sqrt{3} cm` without a known unit at its end. */
export function withoutUnit(text: string): string {
  const match = /^(.*?\S) (?:(?:square|cubic|sq\.?|cu\.?) )?([a-z]+)(?:\^\{?[23]\}?)?$/i.exec(text);
  if (!match) return text;
  const unit = knownUnit(match[2].toLowerCase());
  return match[2].length > 1 &&
      (attached.has(unit) || unit in scales || unit === "unit" || unit === "radian" || unit === "rad")
    ? match[1]
    : text;
}

/** Whether two units may stand for one quantity, and the factors that bring both to it. */
export function commonScale(a: string | null, b: string | null): [bigint, bigint] | null {
  if (a === null || b === null || a === b) return [1n, 1n];
  // A pound is money or a weight, as the other side says.
  if (a === "pound" || b === "pound") {
    const other = a === "pound" ? b : a, pound = other === "£" ? "£" : "lb";
    return a === "pound" ? commonScale(pound, b) : commonScale(a, pound);
  }
  const first = scaleOf(a), second = scaleOf(b);
  if (first && second) {
    return first[0] === second[0] ? [first[1] * second[2], second[1] * first[2]] : null;
  }
  // "hair clips" and "clips": the same thing said more or less fully.
  const long = a.length > b.length ? a : b, short = long === a ? b : a;
  const words = long.split(" ");
  return short.split(" ").every((word) => words.includes(word)) ? [1n, 1n] : null;
}
