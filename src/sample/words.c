#include "sample/words.h"

/* Invented texts: product types with their sizes, materials, features and uses. Types of the same
 * department stand in the order in which users walk from shelf to shelf. A change here changes the
 * bytes of every sample. */

static const sample_type fasteners[] = {
    {"Hex Bolt", "Bolts",
     "M5 x 20 mm|M6 x 25 mm|M6 x 40 mm|M8 x 30 mm|M8 x 60 mm|M10 x 50 mm|1/4-20 x 1\"|3/8-16 x 2\"",
     "Zinc Plated Steel|304 Stainless Steel|316 Stainless Steel|Grade 8.8 Black Oxide Steel|Brass",
     "Fully threaded shank takes a nut along its whole length|Washer face under the head protects "
     "the surface|Rolled threads are stronger than cut ones|Grade marking is stamped on every "
     "head|Meets DIN 933 dimensions|Chamfered tip starts easily in a tapped hole",
     "joining structural steel|assembling machine frames|securing engine mounts|outdoor decking "
     "and fences"},
    {"Wood Screw", "Screws",
     "#6 x 1-1/4\"|#8 x 1-1/2\"|#8 x 2\"|#8 x 3\"|#10 x 2-1/2\"|#12 x 4\"|3.5 x 35 mm|5 x 60 mm",
     "Yellow Zinc Steel|Stainless Steel|Silicon Bronze|Exterior Coated Steel",
     "Deep coarse threads grip softwood and hardwood alike|Star drive recess resists "
     "cam-out|Self-tapping tip needs no pilot hole|Countersunk head sits flush with the "
     "surface|Waxed shank lowers driving torque|Nibs under the head clear chips as it seats",
     "cabinet making|decks and pergolas|furniture repair|framing and blocking"},
    {"Lock Nut", "Nuts", "M4|M5|M6|M8|M10|M12|1/4-20|5/16-18",
     "Zinc Plated Steel|A2 Stainless Steel|A4 Stainless Steel|Nylon",
     "Nylon insert keeps the nut in place under vibration|Can be taken off and reused several "
     "times|Fits standard metric wrenches|No lock washer is needed|Prevailing torque follows DIN "
     "985",
     "motors and pumps|bicycles and scooters|conveyor rollers|garden machinery"},
    {"Flat Washer", "Washers", "M3|M4|M5|M6|M8|M10|1/4\"|1/2\"",
     "Zinc Plated Steel|Stainless Steel|Copper|Neoprene Bonded Steel",
     "Spreads the load of the bolt over a larger area|Smooth edges without burrs|Seals the hole "
     "against water|Keeps soft material from being crushed|Punched to close tolerance",
     "sheet metal work|roof panels|plumbing joints|soft wood and plastic"},
    {"Threaded Insert", "Inserts",
     "M3 x 5 mm|M4 x 8 mm|M5 x 10 mm|M6 x 13 mm|M8 x 15 mm|1/4-20 x 15 mm",
     "Knurled Brass|Zinc Alloy|Carbon Steel|Stainless Steel",
     "Diamond knurl holds in plastic after heat setting|Hex socket drives with a common key|Gives "
     "wood a metal thread that lasts|Flange stops it from pulling through|Tapered end centres "
     "itself in the hole",
     "3D printed parts|flat-pack furniture|enclosures and panels|repairing stripped threads"},
    {"Blind Rivet", "Rivets",
     "1/8\" x 1/4\"|1/8\" x 3/8\"|3/16\" x 1/2\"|3.2 x 8 mm|4 x 10 mm|4.8 x 16 mm",
     "Aluminium|Steel|Stainless Steel|Copper Nickel",
     "Sets from one side of the work|Mandrel breaks off cleanly|Dome head covers an oversized "
     "hole|Draws thin sheets tightly together|Vibration does not loosen it",
     "gutters and ducts|trailers and truck bodies|sign making|appliance housings"},
};

static const sample_type tools[] = {
    {"Cordless Drill", "Power Tools",
     "12 V|18 V|20 V Max|18 V with 2.0 Ah Battery|20 V with 4.0 Ah Battery|24 V",
     "Brushless|Compact|Hammer Action|Right Angle",
     "Variable speed trigger gives full control at low revs|Keyless chuck takes bits up to half an "
     "inch|LED lights the work in dark corners|Two-speed gearbox switches between torque and "
     "speed|Fuel gauge shows the charge that is left|Clutch settings protect screw heads",
     "home renovation|cabinet installation|drilling masonry|assembly lines"},
    {"Drill Bit Set", "Drilling Accessories",
     "13 Pieces|19 Pieces|21 Pieces|29 Pieces|50 Pieces|115 Pieces",
     "Cobalt M35|Titanium Coated HSS|Black Oxide HSS|Carbide Tipped",
     "135 degree split point starts without walking|Three flats on the shank stop slipping in the "
     "chuck|Sizes are laser etched|Holds its edge in stainless steel|Index case keeps the sizes in "
     "order|Wide flutes clear chips quickly",
     "stainless and hardened steel|wood and plastic|brick and concrete|general shop work"},
    {"Torque Wrench", "Hand Tools",
     "1/4\" Drive, 5-25 Nm|3/8\" Drive, 10-60 Nm|3/8\" Drive, 20-110 Nm|1/2\" Drive, 40-200 "
     "Nm|1/2\" Drive, 70-350 Nm|3/4\" Drive, 100-600 Nm",
     "Click Type|Digital|Beam Type|Preset",
     "A clear click tells when the torque is reached|Accurate to within three percent|Reversible "
     "ratchet with 72 teeth|Comes with a calibration certificate|Scale in newton metres and foot "
     "pounds|Lock ring keeps the setting",
     "wheel nuts|cylinder heads|bicycle stems and cranks|machine maintenance"},
    {"Digital Caliper", "Measuring Tools", "100 mm|150 mm|6\"|200 mm|8\"|300 mm",
     "Stainless Steel|Carbon Fiber|Hardened Steel IP67|Plastic",
     "Reads in millimetres, inches and fractions|Zero can be set anywhere on the scale|Four ways "
     "to measure: outside, inside, depth and step|Large display is easy to read|Switches itself "
     "off after five minutes|Thumb wheel moves it smoothly",
     "machining and turning|3D printing|jewellery making|incoming inspection"},
    {"Socket Set", "Hand Tools",
     "1/4\" Drive, 25 Pieces|1/4\" Drive, 46 Pieces|3/8\" Drive, 40 Pieces|1/2\" Drive, 24 "
     "Pieces|Mixed Drive, 94 Pieces|Mixed Drive, 172 Pieces",
     "Chrome Vanadium|Impact Grade Chrome Molybdenum|Deep Well|Spline Profile",
     "Six-point walls load the flats and not the corners|Quick-release ratchet swaps sockets with "
     "one hand|Blow-moulded case has a place for each piece|Sizes are stamped large|Extension bar "
     "reaches recessed bolts|Corrosion-resistant chrome finish",
     "car repair|plant maintenance|motorcycles|farm equipment"},
    {"Heat Gun", "Power Tools", "300 W|1500 W|1800 W|2000 W",
     "Dual Temperature|Variable Temperature|Cordless|Mini",
     "Heats up in seconds|Stand lets it work hands-free|Overload protection cuts the heater "
     "off|Comes with four nozzles|Cool-down setting makes the element last longer",
     "shrinking tubing|removing paint|bending plastic pipe|thawing frozen lines"},
};

static const sample_type adhesives[] = {
    {"Epoxy Adhesive", "Adhesives",
     "25 ml Syringe|50 ml Cartridge|200 ml Cartridge|1 lb Kit|400 ml Dual Cartridge|2 oz Tubes",
     "5 Minute Clear|30 Minute|High Temperature|Marine Grade|Metal Filled",
     "Two parts mix one to one|Cures hard without shrinking|Can be drilled, sanded and "
     "painted|Fills gaps up to 3 mm|Bond resists oil, fuel and water|Works down to 5 °C",
     "metal and ceramic repair|boat hulls|electronics potting|tool handles"},
    {"Thread Locker", "Adhesives", "6 ml|10 ml|36 ml|50 ml|250 ml",
     "Medium Strength Blue|High Strength Red|Low Strength Purple|Penetrating Green",
     "Keeps bolts from working loose|Comes apart with hand tools|Cures in the absence of "
     "air|Tolerates slight oil on the thread|Seals the thread against corrosion",
     "engine bolts|suspension parts|set screws|pump housings"},
    {"Double Sided Tape", "Tapes",
     "1/2\" x 15 ft|3/4\" x 15 ft|1\" x 15 ft|1\" x 36 yd|2\" x 60 yd|12 mm x 5 m",
     "Acrylic Foam|VHB Clear|Tissue|PET Film|Gel",
     "Sticks at once and grows stronger over a day|Bridges uneven surfaces|Holds outdoors from -40 "
     "to 150 °C|Replaces screws and rivets on panels|Liner peels in one piece|Leaves no residue on "
     "glass",
     "mounting signs|car trim and emblems|LED strips|carpets and mats"},
    {"Packing Tape", "Tapes",
     "1.88\" x 55 yd, 6 Rolls|1.88\" x 110 yd, 6 Rolls|2\" x 55 yd, 12 Rolls|2\" x 110 yd, 36 "
     "Rolls|3\" x 110 yd, 24 Rolls|48 mm x 66 m, 6 Rolls",
     "Clear Acrylic|Tan Hot Melt|Kraft Paper|Printed Fragile",
     "Unrolls quietly|Seals cartons of recycled board|Does not split or tear off the line|Fits "
     "standard dispensers|Stays clear with age|Holds in cold warehouses",
     "shipping cartons|moving house|warehouse packing|gift parcels"},
    {"Silicone Sealant", "Sealants",
     "2.8 oz Tube|10.1 oz Cartridge|300 ml Cartridge|600 ml Sausage",
     "Neutral Cure|High Temperature Red|Sanitary White|Food Safe Clear",
     "Stays flexible for years|Resists mould in wet rooms|Bonds glass, tile and metal without "
     "primer|Skins over in ten minutes|Low odour while curing|Takes movement of 25 percent",
     "showers and sinks|oven doors|aquariums|window frames"},
    {"Masking Tape", "Tapes", "1/2\" x 60 yd|3/4\" x 60 yd|1\" x 60 yd|1.5\" x 60 yd|2\" x 60 yd",
     "General Purpose|Blue Painter's|High Temperature Green|Washi Fine Line",
     "Comes off cleanly after two weeks|Gives a sharp paint edge|Tears easily by hand|Stands paint "
     "ovens up to 200 °C|Conforms to curves|Crepe backing soaks up paint",
     "painting walls|powder coating|spray booths|labelling bins"},
};

static const sample_type laboratory[] = {
    {"Beaker", "Glassware", "50 ml|100 ml|250 ml|500 ml|600 ml|1000 ml|2000 ml",
     "Borosilicate Glass 3.3|Polypropylene|PMP|Stainless Steel",
     "Printed graduations are easy to read|Spout pours without dripping|Goes from flame to bench "
     "without cracking|Flat bottom sits firmly on a hot plate|Can be autoclaved at 121 °C|White "
     "spot takes pencil marks",
     "chemistry classes|mixing and heating|titration|soap making"},
    {"Nitrile Gloves", "Gloves",
     "Small, Box of 100|Medium, Box of 100|Large, Box of 100|X-Large, Box of 100|Medium, Case of "
     "1000|Large, Case of 1000",
     "4 mil Blue|5 mil Black|6 mil Orange Diamond Grip|8 mil Heavy Duty|3 mil White",
     "Powder free and latex free|Textured fingertips hold wet glass|Beaded cuff is easy to put "
     "on|Three times the puncture resistance of latex|Touch screens work with them on|Fits either "
     "hand",
     "laboratory work|food handling|car workshops|cleaning and janitorial tasks"},
    {"Pipette Tips", "Liquid Handling",
     "10 µl, Rack of 96|20 µl, Rack of 96|200 µl, Rack of 96|200 µl, Bag of 1000|1000 µl, Rack of "
     "96|1000 µl, Bag of 1000",
     "Universal Fit|Filtered Sterile|Low Retention|Extended Length",
     "Free of DNase, RNase and pyrogens|Fits the common single and multichannel "
     "pipettes|Hydrophobic wall lets the last drop go|Graduation marks help to check "
     "volumes|Recyclable polypropylene",
     "PCR set-up|cell culture|serial dilutions|teaching laboratories"},
    {"Microscope Slides", "Microscopy", "Pack of 50|Pack of 72|Pack of 100|Box of 144",
     "Plain Ground Edge|Frosted End|Concave|Positively Charged",
     "Pre-cleaned and ready to use|Each is separated by paper|Even thickness of 1 mm|Corner clip "
     "marks the right side|Writable white area",
     "blood smears|pond water|histology|school biology"},
    {"pH Test Strips", "Testing",
     "0-14, 100 Strips|4.5-9, 100 Strips|0-6, 100 Strips|7-14, 100 Strips|0-14, 500 Strips",
     "Plastic Backed|Paper Roll|Book Form|Bottle with Desiccant",
     "Answers within fifteen seconds|Color chart is printed on the box|Reads to half a unit|No "
     "calibration and no power|Dyes do not bleed into the sample",
     "drinking water|aquariums|kombucha and brewing|soil and compost"},
    {"Centrifuge Tubes", "Liquid Handling",
     "0.6 ml, Pack of 500|1.5 ml, Pack of 500|2 ml, Pack of 500|15 ml, Pack of 50|50 ml, Pack of "
     "25",
     "Clear Polypropylene|Amber Light Safe|Conical Sterile|Self Standing",
     "Holds up to 15,000 g|Snap lid does not pop open in boiling water|Can be frozen at -80 "
     "°C|Molded graduations|Flat cap takes a label|Leak-proof screw cap",
     "spinning down samples|seed storage|paint mixing|travel bottles"},
};

static const sample_type electrical[] = {
    {"Heat Shrink Tubing", "Wire Management",
     "1/16\" x 100 ft|1/8\" x 50 ft|1/4\" x 25 ft|1/2\" x 10 ft|127 Piece Kit|580 Piece Kit",
     "2:1 Polyolefin|3:1 Adhesive Lined|4:1 Marine Grade|PTFE",
     "Shrinks at 90 °C with any heat gun|Inner glue flows and seals out water|Flame "
     "retardant|Keeps strain off the joint|Comes in assorted colors for phases",
     "splicing wires|battery packs|trailer lighting|drone building"},
    {"Cable Ties", "Wire Management",
     "4\", Pack of 100|8\", Pack of 100|8\", Pack of 1000|11\", Pack of 100|14\", Pack of 50|24\", "
     "Pack of 25",
     "UV Resistant Nylon|Natural Nylon|Stainless Steel|Releasable",
     "Pawl locks and does not slip|Holds 50 pounds|Rounded edges are kind to cables|Bent tip "
     "threads quickly|Stays supple in the cold",
     "server racks|garden trellis|fence panels|engine bays"},
    {"Terminal Connectors", "Connectors",
     "22-16 AWG, Pack of 50|16-14 AWG, Pack of 50|12-10 AWG, Pack of 25|270 Piece Kit|540 Piece "
     "Kit|8 AWG, Pack of 20",
     "Nylon Insulated Ring|Vinyl Spade|Heat Shrink Butt|Bare Copper Lug",
     "Tin-plated copper does not corrode|Funnel entry catches every strand|Color coding tells the "
     "wire gauge|Crimps with a common tool|Brazed seam does not open",
     "car audio|solar panels|boat wiring|control cabinets"},
    {"LED Panel Light", "Lighting",
     "4 in, 6 W|6 in, 12 W|1x4 ft, 40 W|2x2 ft, 40 W|2x4 ft, 50 W|2x4 ft, 72 W",
     "3000 K Warm White|4000 K Neutral White|5000 K Daylight|Selectable Color Temperature",
     "Starts at full brightness without flicker|Dims down to one percent|Lasts 50,000 hours|Thin "
     "frame fits a low ceiling|Saves 60 percent over fluorescent tubes|Driver is included",
     "offices|garages and workshops|kitchens|classrooms"},
    {"Circuit Breaker", "Circuit Protection", "10 A|15 A|20 A|30 A|40 A|60 A",
     "1 Pole|2 Pole|Ground Fault|DC Surface Mount",
     "Trips within a fraction of a second on a short circuit|Toggle shows its state|Snaps onto a "
     "35 mm rail|Can be reset by hand|Sealed against dust and spray",
     "distribution boards|solar systems|trolling motors|machine tools"},
    {"Digital Multimeter", "Test Equipment",
     "2000 Counts|4000 Counts|6000 Counts|10000 Counts|20000 Counts",
     "True RMS|Auto Ranging|Clamp|Pocket",
     "Measures voltage, current, resistance and continuity|Non-contact voltage detection warns by "
     "light and sound|Backlit display can be read in the dark|Holds the reading at the push of a "
     "button|Fused inputs protect the user|Test leads are included",
     "house wiring|electronics repair|car batteries|solar installation"},
};

static const sample_type hydraulics[] = {
    {"Pipe Fitting", "Fittings", "1/8\" NPT|1/4\" NPT|3/8\" NPT|1/2\" NPT|3/4\" NPT|1\" NPT",
     "Brass Elbow|Stainless Steel Tee|Galvanized Coupling|PVC Reducer",
     "Tapered threads seal with tape|Rated for 1000 psi|Forged body has no porosity|Lead free for "
     "drinking water|Sharp clean threads",
     "air lines|water supply|fuel systems|irrigation"},
    {"Ball Valve", "Valves", "1/4\"|3/8\"|1/2\"|3/4\"|1\"|1-1/2\"",
     "Lead Free Brass|316 Stainless Steel|PVC|Motorized Brass",
     "Quarter turn opens it fully|Full port does not restrict the flow|PTFE seats need no "
     "lubrication|Lever can be locked|Blow-out proof stem",
     "shutting off water|compressed air|brewing kettles|garden irrigation"},
    {"Push to Connect Fitting", "Pneumatics", "4 mm|6 mm|8 mm|10 mm|1/4\"|3/8\"",
     "Straight Union|Male Elbow|Y Splitter|Bulkhead",
     "Tube goes in by hand and stays|Release ring lets go without a tool|Nickel-plated thread with "
     "pre-applied sealant|Swivels after assembly|Holds vacuum and pressure up to 150 psi",
     "pneumatic cylinders|air suspension|water filters|robot cells"},
    {"Hydraulic Hose", "Hoses",
     "1/4\" x 24\"|1/4\" x 48\"|3/8\" x 36\"|3/8\" x 72\"|1/2\" x 60\"|1/2\" x 120\"",
     "2 Wire Braid|1 Wire Braid|Thermoplastic|High Temperature",
     "Oil-resistant inner tube|Bends tightly without kinking|Crimped ends are pressure "
     "tested|Cover withstands weather and abrasion|Working pressure of 4000 psi",
     "log splitters|tractor loaders|snow plows|presses"},
    {"Pressure Gauge", "Gauges", "0-15 psi|0-30 psi|0-60 psi|0-100 psi|0-160 psi|0-300 psi",
     "Glycerine Filled|Dry Steel Case|Digital|Stainless Steel",
     "Liquid filling damps the needle|Dual scale in psi and bar|Bottom mount with 1/4 inch "
     "thread|Polycarbonate lens does not crack|Accurate to 1.6 percent",
     "air compressors|well pumps|espresso machines|sprinkler systems"},
    {"O-Ring Kit", "Seals", "225 Pieces|270 Pieces|382 Pieces|407 Pieces|1200 Pieces",
     "Nitrile NBR 70|Viton FKM|EPDM|Silicone",
     "Sizes are printed in the lid|Resists oil and petrol|Keeps its shape under compression|Holds "
     "from -30 to 110 °C|Case has a lid for each size",
     "faucets|hydraulic rams|paintball markers|fuel injectors"},
};

static const sample_type safety[] = {
    {"Safety Glasses", "Eye Protection",
     "Single Pair|Pack of 3|Pack of 12|Pack of 24|Over-Glasses Size|Small Frame",
     "Clear Anti-Fog|Smoke Gray|Amber|Mirrored Blue",
     "Stops 99.9 percent of UV light|Lens meets ANSI Z87.1 impact|Coating stays clear in humid "
     "air|Soft nose pads do not slip|Weighs less than an ounce|Wrap-around lens leaves no gap",
     "workshops|shooting ranges|construction sites|cycling"},
    {"Ear Muffs", "Hearing Protection", "NRR 22 dB|NRR 26 dB|NRR 28 dB|NRR 31 dB|NRR 34 dB",
     "Foldable|Electronic|Behind the Neck|Hard Hat Mounted",
     "Padded headband can be worn all day|Microphones let speech through and cut the bang|Folds "
     "into a small ball|Cups turn for a close fit|Replaceable cushions",
     "lawn mowing|gun ranges|factories|airports"},
    {"Respirator Mask", "Respiratory Protection",
     "Small|Medium|Large|Pack of 10|Pack of 20|Pack of 50",
     "N95 Disposable|Half Face Reusable|Full Face|P100 Filtered",
     "Exhalation valve keeps heat and fog away|Soft seal fits many faces|Filters 95 percent of "
     "fine particles|Straps adjust without taking it off|Cartridges twist in and out",
     "sanding drywall|spray painting|mould removal|woodworking"},
    {"Work Gloves", "Hand Protection",
     "Small|Medium|Large|X-Large|Large, 12 Pairs|X-Large, 12 Pairs",
     "Cut Resistant Level 5|Leather Palm|Nitrile Coated Knit|Insulated Winter|Mechanic's",
     "Breathable back keeps hands cool|Grips oily parts|Reinforced thumb lasts longer|Elastic cuff "
     "keeps dirt out|Washable|Fits like a second skin",
     "warehouse work|glass handling|gardening|metal fabrication"},
    {"Safety Vest", "High Visibility", "Small|Medium|Large|X-Large|2X-Large|Pack of 10",
     "Class 2 Mesh|Class 3 Sleeved|Surveyor's Pocketed|Flame Resistant",
     "Two inch reflective tape shines from 1000 feet|Mesh lets air through|Zipper does not "
     "snag|Radio clip and pencil pockets|Stays bright after 25 washes",
     "road crews|warehouses|running at night|parking attendants"},
    {"First Aid Kit", "First Aid", "50 Pieces|100 Pieces|180 Pieces|299 Pieces|25 Person|50 Person",
     "Soft Bag|Wall Mount Metal|Plastic Case|Waterproof",
     "Contents follow the OSHA list|Compartments show what is missing|Handle for carrying to the "
     "accident|Individually wrapped bandages|Includes a cold pack and a guide",
     "offices|job sites|cars and trucks|camping"},
};

static const sample_type additive[] = {
    {"PLA Filament", "3D Printing Materials",
     "1.75 mm, 250 g|1.75 mm, 500 g|1.75 mm, 1 kg|1.75 mm, 2 kg|2.85 mm, 1 kg|1.75 mm, 5 kg",
     "Matte|Silk|Wood Filled|High Speed|Glow in the Dark",
     "Diameter stays within 0.02 mm|Wound without tangles|Vacuum sealed with desiccant|Prints at "
     "190 to 220 °C|Low warp, sticks without a heated bed|Smells faintly of sugar",
     "prototypes|toys and figures|cosplay props|classroom projects"},
    {"PETG Filament", "3D Printing Materials",
     "1.75 mm, 500 g|1.75 mm, 1 kg|1.75 mm, 3 kg|2.85 mm, 1 kg|1.75 mm, 5 kg",
     "Translucent|Carbon Fiber Filled|Recycled|Opaque",
     "Layers bond strongly|Tougher than PLA and easier than ABS|Resists water and "
     "chemicals|Withstands 75 °C|Hardly any stringing when dry",
     "mechanical parts|outdoor brackets|plant pots|drone frames"},
    {"Brass Nozzle", "Printer Parts", "0.2 mm|0.4 mm|0.6 mm|0.8 mm|1.0 mm|Mixed, Pack of 24",
     "MK8|V6|Hardened Steel|Ruby Tipped|Volcano",
     "Bore is reamed after drilling|Size is engraved on the flat|Fits M6 threads|Smooth inside, "
     "hardly ever clogs|Comes with a cleaning needle",
     "Ender style printers|abrasive filament|fine miniatures|fast drafts"},
    {"Stepper Motor", "Motion",
     "NEMA 11|NEMA 14|NEMA 17, 23 mm|NEMA 17, 40 mm|NEMA 17, 60 mm|NEMA 23, 76 mm",
     "1.8 Degree Bipolar|0.9 Degree|Planetary Geared|Closed Loop",
     "Runs quietly with microstepping|Low inductance for higher speed|One metre cable with "
     "connector|D-cut shaft takes set screws|Stays cool at rated current",
     "printer axes|CNC routers|camera sliders|laser engravers"},
    {"Timing Belt", "Motion", "2 m|5 m|10 m|110 mm Closed|200 mm Closed|400 mm Closed",
     "GT2 6 mm Glass Fiber|GT2 10 mm|HTD 3M|Steel Core Polyurethane",
     "Does not stretch under load|Teeth mesh without backlash|Can be cut with scissors|Quiet at "
     "high speed|Resists oil and wear",
     "X and Y axes|plotters|conveyors|robot arms"},
    {"Build Plate", "Printer Parts",
     "120 x 120 mm|220 x 220 mm|235 x 235 mm|256 x 256 mm|310 x 310 mm|350 x 350 mm",
     "Textured PEI Spring Steel|Smooth PEI|Borosilicate Glass|Garolite",
     "Parts pop off when the sheet is bent|Nothing needs glue or tape|Magnetic base with "
     "heat-proof adhesive|Flat within a tenth of a millimetre|Both sides can be used",
     "PLA and PETG|ABS and nylon|large flat parts|print farms"},
};

#define DEPARTMENT(title, list)                                                                    \
    { title, list, sizeof(list) / sizeof *(list) }

const sample_department sample_departments[] = {
    DEPARTMENT("Fasteners", fasteners),
    DEPARTMENT("Power & Hand Tools", tools),
    DEPARTMENT("Adhesives, Sealants & Tapes", adhesives),
    DEPARTMENT("Lab & Scientific Products", laboratory),
    DEPARTMENT("Industrial Electrical", electrical),
    DEPARTMENT("Hydraulics, Pneumatics & Plumbing", hydraulics),
    DEPARTMENT("Occupational Health & Safety", safety),
    DEPARTMENT("Additive Manufacturing Products", additive),
};
const size_t n_sample_departments = sizeof sample_departments / sizeof *sample_departments;

const char *const sample_brands =
    "Nor|Tek|Bram|Hal|Ost|Vel|Kor|Lum|Ster|Gran|Pax|Ferr|Quin|Zeph|Arden|Mar|Dur|Sol|Kest|Wyn|Ivo|"
    "Cres|Bel|Tor|Alder|Fen|Rook|Sax|Tal|Umbra";
const char *const sample_endings = "vex|mark|ström|line|works|ton|ly|forge|craft|tec|field|max|pro|"
                                   "gate|wood|er & Sons|dale|ic|son|bridge";
const char *const sample_colors =
    "Black|White|Red|Blue|Green|Yellow|Gray|Orange|Clear|Navy|Silver|Olive";
const char *const sample_closings =
    "Every batch is checked before it leaves the factory|Ships in a resealable bag|Backed by a two "
    "year warranty|Questions are answered within a working day|Made from recycled material where "
    "possible|RoHS and REACH compliant|Bulk packs are available on request|Store in a cool, dry "
    "place|Family owned since 1974|Drawings and data sheets are available|Please check the size "
    "before ordering|Not satisfied? Send it back within 30 days";
const char *const sample_praise =
    "Exactly what I needed|Works great, will buy again|Good quality for the price|Fits perfectly|"
    "Solid and well made|Arrived quickly and as described|Have used these for years|Five stars|"
    "Better than the brand name ones|My crew likes them";
const char *const sample_blame =
    "Broke after a week|Not the size that was listed|Cheap feel, would not buy again|Came with a "
    "piece missing|Works, but not for long|Returned it|Instructions make no sense|Overpriced";
