// The ratings of a case, and what a click changes.

export class Ratings {
  constructor(criteria, tokens, given) {
    this.criteria = criteria;
    this.tokens = tokens;
    this.given = Object.fromEntries(criteria.map(({ name }) => [name, { ...given[name] }]));
  }

  highest(criterion) {
    return criterion.kind === "rank" ? this.tokens.length : criterion.scale.length;
  }

  // Values by place, undefined where there is none.
  values(criterion) {
    return this.tokens.map((token) => this.given[criterion.name][token]);
  }

  // Rate the image at a place; returns the changes by token. Who had the rank loses it.
  rate(criterion, place, value) {
    const given = this.given[criterion.name];
    const changes = {};
    const taken = Object.keys(given).find((token) => given[token] === value);
    if (criterion.kind === "rank" && taken !== undefined && taken !== this.tokens[place]) {
      changes[taken] = null;
      delete given[taken];
    }
    given[this.tokens[place]] = value;
    changes[this.tokens[place]] = value;
    return changes;
  }

  // Rank all images in the order of their places, the best first.
  order(criterion, places) {
    const changes = Object.fromEntries(places.map((place, index) => [this.tokens[place], index + 1]));
    this.given[criterion.name] = { ...changes };
    return changes;
  }

  complete(criterion) {
    return this.values(criterion).every((value) => value !== undefined);
  }
}
