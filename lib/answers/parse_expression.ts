import { steps } from "./steps.ts";

/** What an expression says: a number, a letter, or an operation on others. */
export type Expression =
  | { kind: "number"; n: bigint; d: bigint; decimals: number }
  | { kind: "letter"; name: string }
  | { kind: "operation"; name: string; of: Expression[] };

const maxLength = 600, maxTokens = 300, maxDepth = 16;

interface Token {
  kind: "number" | "letter" | "command" | "sign";
  text: string;
  /** Space stands before it. */
  spaced: boolean;
}

/** Functions of one argument, by the name that people write. */
const functionNames = new Map(
  ("sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh ln log lg exp " +
    "sqrt cbrt abs sgn floor ceil gcd lcm").split(" ").map((name) => [name, name]),
);
for (const name of "sin cos tan cot sec csc sinh cosh tanh".split(" ")) {
  functionNames.set(`a${name}`, `arc${name}`);
}

const named = [...functionNames.keys(), "pi"].sort((a, b) => b.length - a.length);
const namedFunction = new RegExp(
  `(?<![a-zA-Z])(${
    named.join("|")
  })(?![a-zA-Z])|(?<![a-zA-Z])(sin|cos|tan|cot|ln|log)(?=[a-zA-Z](?![a-zA-Z]))`,
  "y",
);
const numeral = /(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+/y;
const command = /\\[a-zA-Z]+/y;
const signs = new Set([..."+-*/^_!|()[]{}°%'⌊⌋⌈⌉√∛∜"]);

function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let spaced = false;
  for (let at = 0; at < text.length;) {
    if (text[at] === " ") {
      spaced = true;
      at++;
      continue;
    }
    if (tokens.length === maxTokens) return null;
    steps.spend(20);
    const found = ([["number", numeral], ["command", command], ["command", namedFunction]] as const)
      .map(([kind, pattern]) => {
        pattern.lastIndex = at;
        const match = pattern.exec(text);
        return match && { kind, text: match[0] };
      }).find((match) => match !== null);
    if (found) {
      tokens.push({ ...found, text: found.text.replace(/^\\/, "").replaceAll(",", ""), spaced });
      at += found.text.length;
    } else {
      const character = String.fromCodePoint(text.codePointAt(at)!);
      const kind = signs.has(character) ? "sign" : /[\p{L}∞]/u.test(character) ? "letter" : null;
      if (kind === null) return null;
      tokens.push({ kind, text: character, spaced });
      at += character.length;
    }
    spaced = false;
  }
  return tokens;
}

const operation = (name: string, ...of: Expression[]): Expression => ({ kind: "operation", name, of });
const closers: Record<string, string> = { "(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉" };

/** Thrown inside the parser only; `parseExpression` gives `null` for it. */
class Unreadable extends Error {}

function number(text: string): Expression {
  const [integer, decimals = ""] = text.split(".");
  return {
    kind: "number",
    n: BigInt(integer + decimals),
    d: 10n ** BigInt(decimals.length),
    decimals: decimals.length,
  };
}

/** Recursive descent: sums of products of powers of what stands by itself. Each token is read once. */
class Parser {
  #at = 0;
  #depth = 0;
  /** Open bars at this level of brackets: inside them a bar closes. */
  #bars = 0;

  constructor(readonly tokens: Token[]) {}

  parse(): Expression {
    const result = this.#sum();
    if (this.#at !== this.tokens.length) throw new Unreadable();
    return result;
  }

  #is(...texts: string[]): boolean {
    const token = this.tokens[this.#at];
    return token?.kind === "sign" && texts.includes(token.text);
  }

  #skip(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at++;
    return true;
  }

  #sum(): Expression {
    if (++this.#depth > maxDepth) throw new Unreadable();
    let result = this.#signed(() => this.#product());
    while (this.#is("+", "-")) {
      const name = this.tokens[this.#at++].text;
      const next = this.#is("-") && name === "-" ? null : this.#signed(() => this.#product());
      if (next === null) throw new Unreadable(); // "--" is noise
      result = operation(name, result, next);
    }
    this.#depth--;
    return result;
  }

  #signed(read: () => Expression): Expression {
    if (this.#skip("-")) return operation("negate", read());
    this.#skip("+");
    return read();
  }

  #product(): Expression {
    let result = this.#power();
    for (;;) {
      if (this.#is("*", "/")) {
        const name = this.tokens[this.#at++].text;
        result = operation(name, result, this.#signed(() => this.#power()));
      } else if (this.#startsFactor()) {
        const before = this.tokens[this.#at - 1], next = this.tokens[this.#at];
        // "18 19" and "x2" are no products.
        if (next.kind === "number" && (before.kind === "number" || before.kind === "letter")) {
          throw new Unreadable();
        }
        const factor = this.#power();
        result = isMixed(result, factor)
          ? operation("+", result, factor)
          : operation("times", result, factor);
      } else return result;
    }
  }

  #startsFactor(): boolean {
    const token = this.tokens[this.#at];
    if (!token) return false;
    if (token.kind !== "sign") return true;
    return "([{⌊⌈√∛∜".includes(token.text) || (token.text === "|" && this.#bars === 0);
  }

  #power(): Expression {
    let result = this.#primary();
    for (;;) {
      if (this.#skip("!")) {
        if (this.#is("!")) throw new Unreadable(); // a double factorial, or enthusiasm
        result = operation("factorial", result);
      } else if (this.#skip("°")) result = operation("degrees", result);
      else if (this.#skip("%")) result = operation("percent", result);
      else if (this.#skip("^")) result = operation("^", result, this.#exponent());
      else return result;
    }
  }

  #exponent(): Expression {
    if (this.#is("{")) return this.#enclosed();
    const exponent = this.#signed(() => this.#primary());
    return this.#skip("^") ? operation("^", exponent, this.#exponent()) : exponent;
  }

  /** `{…}` or what TeX takes without braces. */
  #argument(): Expression {
    if (this.#is("{")) return this.#enclosed();
    const token = this.tokens[this.#at];
    if (token?.kind === "number" && /^\d+$/.test(token.text) && token.text.length > 1) {
      // \frac12 is 1 over 2: the rest of the digits stays.
      this.tokens[this.#at] = { ...token, text: token.text.slice(1) };
      return number(token.text[0]);
    }
    return this.#primary();
  }

  #enclosed(): Expression {
    const open = this.tokens[this.#at++].text, bars = this.#bars;
    this.#bars = 0;
    const result = this.#sum();
    if (!this.#skip(closers[open])) throw new Unreadable();
    this.#bars = bars;
    return open === "⌊" ? operation("floor", result) : open === "⌈" ? operation("ceil", result) : result;
  }

  #primary(): Expression {
    if (this.#depth > maxDepth) throw new Unreadable();
    const token = this.tokens[this.#at];
    if (!token) throw new Unreadable();
    if (token.kind === "sign") return this.#bracketed(token);
    this.#at++;
    if (token.kind === "number") {
      if (!this.#is("_")) return number(token.text);
      return { kind: "letter", name: `${token.text}_${this.#subscript()}` }; // a numeral of another base
    }
    if (token.kind === "letter") {
      const name = this.#is("_") ? `${token.text}_${this.#subscript()}` : token.text;
      if (this.#skip("'")) return { kind: "letter", name: `${name}'` };
      return { kind: "letter", name };
    }
    return this.#command(token.text);
  }

  #bracketed(token: Token): Expression {
    if (token.text in closers) {
      this.#depth++;
      const result = this.#enclosed();
      this.#depth--;
      return result;
    }
    this.#at++;
    if (token.text === "|") {
      const bars = this.#bars;
      this.#bars = 1;
      const result = this.#sum();
      if (!this.#skip("|")) throw new Unreadable();
      this.#bars = bars;
      return operation("abs", result);
    }
    const degree = "√∛∜".indexOf(token.text) + 2;
    if (degree < 2) throw new Unreadable();
    return operation("root", this.#deeper(() => this.#primary()), number(String(degree)));
  }

  #deeper(read: () => Expression): Expression {
    if (++this.#depth > maxDepth) throw new Unreadable();
    const result = read();
    this.#depth--;
    return result;
  }

  #command(name: string): Expression {
    if (name === "pi") return { kind: "letter", name: "π" };
    if (name === "frac") {
      return operation(
        "/",
        this.#deeper(() => this.#argument()),
        this.#deeper(() => this.#argument()),
      );
    }
    if (name === "binom") {
      return operation(
        "binomial",
        this.#deeper(() => this.#argument()),
        this.#deeper(() => this.#argument()),
      );
    }
    if (name === "sqrt" || name === "cbrt") {
      let degree = number(name === "sqrt" ? "2" : "3");
      if (name === "sqrt" && this.#is("[")) degree = this.#deeper(() => this.#enclosed());
      return operation("root", this.#deeper(() => this.#argument()), degree);
    }
    const function_ = functionNames.get(name);
    if (function_ === undefined) throw new Unreadable();
    return this.#deeper(() => this.#applied(function_));
  }

  /** `\sin^2 x`, `\log_2 3`, `\tan^{-1}(2)`: a function with what stands between its name and its argument. */
  #applied(name: string): Expression {
    const base = this.#skip("_") ? this.#argument() : null;
    let exponent = this.#skip("^") ? this.#exponent() : null;
    if (exponent && isMinusOne(exponent) && /^(?:sin|cos|tan|cot|sec|csc)h?$/.test(name)) {
      name = `arc${name}`;
      exponent = null;
    }
    const argument = this.#functionArgument();
    if (base && name !== "log") throw new Unreadable();
    const result = base ? operation("log", argument, base) : operation(name, argument);
    return exponent ? operation("^", result, exponent) : result;
  }

  /** `\sin 2x` takes both, `\sin(2)x` and `\sin x \cos x` only the first. */
  #functionArgument(): Expression {
    if (this.#is("(", "[", "{", "|")) {
      const result = this.#primary();
      return result;
    }
    let result = this.#signed(() => this.#power());
    for (;;) {
      const next = this.tokens[this.#at];
      const goesOn = next?.kind === "letter" ||
        (next?.kind === "command" && (!functionNames.has(next.text) || next.text === "sqrt"));
      if (!goesOn) return result;
      result = operation("times", result, this.#power());
    }
  }

  #subscript(): string {
    this.#at++;
    const braced = this.#skip("{");
    let text = "";
    do {
      const token = this.tokens[this.#at++];
      if (!token || (token.kind === "sign" && !"+-".includes(token.text))) throw new Unreadable();
      text += token.text;
    } while (braced && !this.#skip("}"));
    return text;
  }
}

const isMinusOne = (node: Expression) =>
  node.kind === "operation" && node.name === "negate" && node.of[0].kind === "number" &&
  node.of[0].n === node.of[0].d;

/** 4\frac{2}{3} is a mixed number, 4\frac{x}{3} a product. */
function isMixed(first: Expression, second: Expression): boolean {
  if (first.kind !== "number" || first.d !== 1n || second.kind !== "operation" || second.name !== "/") {
    return false;
  }
  const [above, below] = second.of;
  return above.kind === "number" && below.kind === "number" && above.d === 1n && below.d === 1n &&
    above.n < below.n;
}

/**
 * Reads an expression in `cleanAnswer`'s spelling, LaTeX or typed (`2\sqrt{5}`, `2*sqrt(5)`, `2√5`); `null` for anything else. Reads each
 * token once, 300 at most, 16 brackets deep.
 *
 * @example
 * ```ts
 * import { parseExpression } from "./parse_expression.ts";
 * parseExpression("2x")?.kind; // "operation"
 * ```
 */
export function parseExpression(text: string): Expression | null {
  if (text.length > maxLength) return null;
  const tokens = tokenize(text);
  if (tokens === null || tokens.length === 0) return null;
  try {
    return new Parser(tokens).parse();
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}
