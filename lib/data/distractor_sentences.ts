import type { Random } from "../random/random.ts";

/** What of a problem a sentence about something else can take up. */
export interface DistractorSubject {
  /** A person in the problem, `null` when none is found. */
  name: string | null;
  /** A thing that the problem counts, `null` when none is found or when all of it are asked for, whoever has them. */
  thing: string | null;
  /** The number that the sentence says. */
  number: string;
  random: Random;
}

/** Kinds of irrelevant sentence: about the surroundings, the person, another person, the thing, or another time. */
export const distractorKinds = ["surroundings", "person", "other person", "thing", "other time"] as const;

/** A kind of irrelevant sentence. */
export type DistractorKind = (typeof distractorKinds)[number];

type Sentences = Record<DistractorKind, ((subject: DistractorSubject) => string | null)[]>;

const others = ["Clara", "Hugo", "Ines", "Kofi", "Yuki", "Pavel", "Salma", "Diego"];
const othersInBangla = ["সুমন", "রিনা", "তানভীর", "মিতু", "কামাল", "শিউলি", "আরিফ", "নাদিয়া"];

/** One that is not in the problem. */
const another = (all: string[], { name, random }: DistractorSubject) =>
  random.pick(all.filter((each) => each !== name));

/** Bangla's genitive: -র after a vowel sign, -ের after a consonant. */
const genitive = (name: string) => name + (/\p{M}$/u.test(name) && !name.endsWith("়") ? "র" : "ের");

export const english: Sentences = {
  surroundings: [
    ({ number }) => `It is ${number} degrees outside.`,
    ({ number }) => `The bus comes every ${number} minutes.`,
    ({ number }) => `The house next door has ${number} windows.`,
    ({ number }) => `The nearest library is ${number} kilometres away.`,
  ],
  person: [
    ({ name, number }) => name && `${name} lives at number ${number} of the street.`,
    ({ name, number }) => name && `${name} has read ${number} pages of a novel.`,
    ({ name, number }) => name && `${name}'s favourite song lasts ${number} minutes.`,
  ],
  "other person": [
    (subject) => `${another(others, subject)}, a neighbour, is ${subject.number} years old.`,
    (subject) =>
      subject.thing &&
      `${another(others, subject)}, who lives elsewhere, has ${subject.number} ${subject.thing} too.`,
    (subject) => `${another(others, subject)} watched a film of ${subject.number} minutes.`,
  ],
  thing: [
    ({ thing, number }) => thing && `A shop in another town sells ${thing} in packs of ${number}.`,
    ({ thing, number }) => thing && `A poster on the wall shows ${number} ${thing}.`,
  ],
  "other time": [
    ({ name, thing, number }) =>
      name && thing && `Years ago ${name} drew ${number} ${thing} in an exercise book.`,
    ({ number }) => `Last week it rained for ${number} minutes.`,
    ({ number }) => `The school's last holidays took ${number} days.`,
    ({ number }) => `${number} years ago there was no bridge over the river.`,
    ({ name, number }) => name && `Next month ${name} will be away for ${number} days.`,
  ],
};

export const bangla: Sentences = {
  surroundings: [
    ({ number }) => `আজ বাইরের তাপমাত্রা ${number} ডিগ্রি।`,
    ({ number }) => `প্রতি ${number} মিনিট পরপর একটি বাস আসে।`,
    ({ number }) => `পাশের বাড়িতে ${number}টি জানালা আছে।`,
    ({ number }) => `সবচেয়ে কাছের পাঠাগারটি ${number} কিলোমিটার দূরে।`,
  ],
  person: [
    ({ name, number }) => name && `${name} ${number} নম্বর বাড়িতে থাকে।`,
    ({ name, number }) => name && `${name} একটি উপন্যাসের ${number} পৃষ্ঠা পড়েছে।`,
  ],
  "other person": [
    (subject) => `প্রতিবেশী ${genitive(another(othersInBangla, subject))} বয়স ${subject.number} বছর।`,
    (subject) =>
      subject.thing &&
      `অন্য শহরে ${genitive(another(othersInBangla, subject))} কাছেও ${subject.number}টি ${subject.thing} আছে।`,
    (subject) => `${another(othersInBangla, subject)} ${subject.number} মিনিটের একটি সিনেমা দেখেছে।`,
  ],
  thing: [
    ({ thing, number }) => thing && `অন্য শহরের একটি দোকানে ${number}টি করে ${thing} একসঙ্গে বিক্রি হয়।`,
    ({ thing, number }) => thing && `দেয়ালের একটি ছবিতে ${number}টি ${thing} আঁকা আছে।`,
  ],
  "other time": [
    ({ number }) => `গত সপ্তাহে ${number} মিনিট বৃষ্টি হয়েছিল।`,
    ({ number }) => `${number} বছর আগে নদীটির উপর কোনো সেতু ছিল না।`,
    ({ name, number }) => name && `${name} আগামী মাসে ${number} দিন বাইরে থাকবে।`,
  ],
};
